"""A program whose redirect URI sends the browser on to another host, as gateways for many programs do."""

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.acts import consent, sign_in
from tests.browser.chromium import running_chromium
from tests.browser.conftest import APP, started_service
from tests.browser.relying_party import RelyingParty, relying_party

pytestmark = pytest.mark.slow

# Nobody answers there: what matters is whether Chromium asks at all.
NAMED, OTHER = "https://apps.gateway.invalid/", "https://elsewhere.invalid/"


def leads_on(context: BrowserContext, program: RelyingParty, target: str) -> bool:
    """Sign in to a program that redirects to `target`, and return whether the browser follows."""
    asked: list[str] = []
    program.lead_on(target)
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.goto(program.start(APP, prompt="login consent"))
    sign_in(page, "alice")
    page.wait_for_url("**/consent?*")
    seen = len(program.answers)
    consent(page)
    page.wait_for_timeout(1500)
    assert len(program.answers) == seen + 1
    page.close()
    return target in asked


def test_browser_follows_to_the_origins_that_the_operator_names(tmp_path: Path) -> None:
    """`NETID_CALLBACK_ORIGINS` is what Chromium lets a form lead on to, and nothing else is."""
    named = {"NETID_CALLBACK_ORIGINS": "https://*.gateway.invalid"}
    with (
        started_service(tmp_path / "instance", **named) as service,
        relying_party(service) as program,
        running_chromium() as browser,
        browser.new_context(ignore_https_errors=True) as context,
    ):
        assert leads_on(context, program, NAMED)
        assert not leads_on(context, program, OTHER)
