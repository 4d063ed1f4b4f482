"""A program on another site sends its user to sign out, in a real browser with its rules about cookies."""

import json
import subprocess
import sys
from html import escape
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, Route, expect

from tests.clients.conftest import Service
from tests.servers.netid import environment

pytestmark = pytest.mark.slow

PROGRAM = "https://program.example"
AFTER = f"{PROGRAM}/signed-out"


@pytest.fixture(scope="module")
def client_id(service: Service) -> str:
    """A client that has an address for after the logout."""
    options = ("--grant", "authorization_code", "--scope", "openid", "--redirect-uri", f"{PROGRAM}/callback")
    after = ("--post-logout-redirect-uri", AFTER)
    made = subprocess.run(
        [sys.executable, "-m", "flask", "client", "create", "A portal", *options, *after, "--json"],
        env=environment(service.ca.parents[1]),
        capture_output=True,
        text=True,
        check=True,
    )
    found: str = json.loads(made.stdout)["client_id"]
    return found


@pytest.mark.parametrize("method", ["get", "post"])
def test_program_sends_its_user_to_sign_out(
    page: Page, service: Service, client_id: str, method: str
) -> None:
    """The form of another site brings no cookie, and the page after it still knows who is signed in.

    The form of the question may lead to the program: Chromium applies form-action to redirects.
    """
    sent = {"client_id": client_id, "post_logout_redirect_uri": AFTER, "state": "s"}
    fields = "".join(f'<input type="hidden" name="{name}" value="{escape(sent[name])}">' for name in sent)
    form = (
        f'<form method="{method}" action="{service.url}/oauth/logout">{fields}<button>Leave</button></form>'
    )

    def answer(route: Route) -> None:
        route.fulfill(content_type="text/html", body=f"<title>Program</title>{form}")

    page.route(f"{PROGRAM}/**", answer)
    query = {"response_type": "code", "client_id": client_id, "redirect_uri": f"{PROGRAM}/callback"}
    pkce = {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256"}
    page.goto(f"/oauth/authorize?{urlencode({**query, **pkce, 'scope': 'openid'})}")
    page.locator("[name=username]").fill("alice")
    page.locator("[name=password]").fill("alice-password")
    page.locator("#sign-in").click()
    page.wait_for_url("**/consent?*")
    page.goto(f"{PROGRAM}/")
    page.get_by_role("button", name="Leave").click()
    expect(page.get_by_text("You are signed in as alice.")).to_be_visible()
    page.locator("#logout").click()
    page.wait_for_url(f"{AFTER}?state=s")
    page.goto("/logout")
    expect(page.get_by_role("heading", level=1)).to_have_text("You are signed out")
