"""The walk-through of `make run` in a browser: sign in, consent, tokens, and their end on one's own page."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.acts import consent, sign_in
from tests.browser.axe import violations
from tests.servers.netid import Running, serving

pytestmark = pytest.mark.slow

_PROGRAM = re.compile(r"^  (http://127\.0\.0\.1:\d+/)$", re.MULTILINE)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The server, as `make run` starts it."""
    with serving(tmp_path_factory.mktemp("walkthrough") / "instance", "--walkthrough") as running:
        yield running


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page of a new user."""
    with chromium.new_context(ignore_https_errors=True) as context:
        yield context.new_page()


def program_url(server: Running) -> str:
    """Return the URL that the walk-through prints for a browser."""
    (url,) = _PROGRAM.findall(server.printed())
    return str(url)


def test_newcomer_sees_tokens_uses_them_and_ends_them(server: Running, page: Page) -> None:
    """The program shows the tokens; /me lists the program and ends it, and its token answers 401."""
    page.goto(program_url(server))
    page.locator("#sign-in").click()
    sign_in(page, "alice")
    consent(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Signed in: Alice Baker")
    for name in ("access_token", "refresh_token", "id_token", "nonce", "auth_time"):
        expect(page.get_by_role("rowheader", name=name, exact=True)).to_be_visible()
    assert "code=" not in page.url
    page.locator("#use").click()
    expect(page.locator("pre")).to_contain_text('"net_id": "alice"')
    page.go_back()
    page.locator("#me").click()
    entry = page.get_by_role("listitem").or_(page.get_by_role("row")).filter(has_text="demo program")
    entry.get_by_role("button").click()
    page.wait_for_load_state()
    page.goto(f"{program_url(server)}use")
    expect(page.get_by_role("heading", level=1)).to_have_text("The API answered 401")


def test_program_says_that_the_user_refused(server: Running, page: Page) -> None:
    """A refusal is a sentence, and a link to begin again."""
    page.goto(program_url(server))
    page.locator("#sign-in").click()
    sign_in(page, "bob")
    consent(page, "deny")
    expect(page.get_by_role("heading", level=1)).to_have_text("The sign-in failed.")
    expect(page.locator("#again")).to_be_visible()


def test_answer_that_another_browser_began_is_refused(server: Running, page: Page) -> None:
    """A link with a foreign state or code signs nobody in (RFC 9700, 4.7)."""
    page.goto(f"{program_url(server)}callback?state=foreign&code=foreign")
    expect(page.get_by_role("heading", level=1)).to_have_text("The sign-in failed.")


def test_pages_of_the_program_break_no_accessibility_rule(server: Running, page: Page) -> None:
    """The program that newcomers see first is an example of this too."""
    page.goto(program_url(server))
    assert violations(page) == []


def test_program_ends_with_the_server(tmp_path: Path, page: Page) -> None:
    """After Ctrl-C or SIGTERM nothing listens at the program's address."""
    with serving(tmp_path / "instance", "--walkthrough") as running:
        url = program_url(running)
        assert page.goto(url) is not None
    with pytest.raises(Exception, match="ERR_CONNECTION_REFUSED"):
        page.goto(url)
