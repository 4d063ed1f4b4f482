"""The programs of docs/programs/, unmodified, in a browser: a user signs in, or refuses."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.acts import consent, sign_in
from tests.browser.programs import PAGES, STARTERS, started
from tests.clients.conftest import Service
from tests.servers.netid import PROJECT

pytestmark = [pytest.mark.server, pytest.mark.slow]

# JupyterHub takes ten seconds to start. The others stand for it in `make test`.
NAMES = [pytest.param(name, marks=[pytest.mark.exhaustive] * (name == "jupyterhub")) for name in STARTERS]


@pytest.fixture(scope="module", params=NAMES)
def program_url(request: pytest.FixtureRequest, service: Service) -> Iterator[str]:
    """The URL of a running program."""
    with started(request.param, service) as url:
        yield url


def shown(page: Page) -> str:
    """Return the Net ID that a program shows, in its page or in a header that Apache sets."""
    named = page.request.get(page.url).headers.get("x-net-id", "")
    return f"{named} {page.locator('body').inner_text()}"


def test_user_signs_in_to_the_program(program_url: str, page: Page) -> None:
    """The program sends the user here, and knows the Net ID afterwards (OpenID Connect Core 1.0, 3.1)."""
    page.goto(program_url)
    if "/hub/" in page.url:  # JupyterHub asks first
        page.locator("a", has_text="Sign in with").click()
    sign_in(page, "alice")
    consent(page)
    page.wait_for_url(f"{program_url}**")
    assert "alice" in shown(page)


def test_program_learns_of_a_refusal(program_url: str, page: Page) -> None:
    """A user who refuses returns to the program, which reports `access_denied` (RFC 6749, 4.1.2.1)."""
    page.goto(program_url)
    if "/hub/" in page.url:
        page.locator("a", has_text="Sign in with").click()
    sign_in(page, "bob")
    consent(page, "deny")
    page.wait_for_url(re.compile(r"http://127\.0\.0\.1"))
    assert "Hello" not in page.locator("body").inner_text()
    # mod_auth_openidc 2.4.12 takes an error with `iss` for another kind of request, as its page says.
    words = re.compile("denied|refused|not signed in|Invalid Request", re.IGNORECASE)
    expect(page.locator("body")).to_contain_text(words)


@pytest.mark.parametrize("page_path", sorted(PAGES.glob("*.md")), ids=lambda path: path.stem)
def test_every_page_is_listed(page_path: Path) -> None:
    """docs/programs.md lists each page."""
    assert f"(programs/{page_path.name})" in (PROJECT / "docs" / "programs.md").read_text("utf-8")
