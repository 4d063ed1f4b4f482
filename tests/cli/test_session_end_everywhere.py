"""`flask session end` and `person logout` reach a browser, its programs' tokens and their unused codes."""

import json

import pytest
from werkzeug.test import TestResponse

from tests.conftest import Registered, Site
from tests.web.signin.visitor import CALLBACK, VERIFIER, Visitor, page_of, parameters_of, register


@pytest.fixture
def client(site: Site) -> Registered:
    """A client that may keep access after the session."""
    return register(site, "Library", "--grant", "refresh_token", scope="openid profile email offline_access")


def exchange(site: Site, client: Registered, code: str) -> TestResponse:
    """Exchange a code for tokens."""
    return site.http.post(
        "/oauth/token",
        data={
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
        },
        auth=client.basic,
    )


def code_of(visitor: Visitor, client: Registered, **parameters: str) -> str:
    """Sign in if it is asked, allow, and return the code."""
    page = visitor.open(client, **parameters)
    if page.status_code == 200 and "sign-in" in page_of(page).ids:
        page = visitor.sign_in(page)
    if page.status_code == 200 and "allow" in page_of(page).ids:
        page = visitor.allow(page)
    return parameters_of(page)["code"]


@pytest.mark.parametrize(
    ("command", "offline_status"),
    [
        (("session", "end", "--person", "alice", "--yes"), 200),
        (("person", "logout", "alice", "--yes"), 400),
    ],
    ids=["session end", "person logout"],
)
def test_end_reaches_browser_tokens_and_codes(
    site: Site, client: Registered, command: tuple[str, ...], offline_status: int
) -> None:
    """The browser must sign in again, tokens of the session answer 401, and its codes give nothing."""
    visitor = Visitor(site)
    tokens = exchange(site, client, code_of(visitor, client)).get_json()
    asked = {"scope": "openid offline_access", "prompt": "consent"}
    offline = exchange(site, client, code_of(visitor, client, **asked)).get_json()
    unused = code_of(visitor, client)
    assert site.get("/api/me", tokens["access_token"]).status_code == 200
    site.run(*command)
    assert site.get("/api/me", tokens["access_token"]).status_code == 401
    refused = exchange(site, client, unused)
    assert (refused.status_code, refused.get_json()["error"]) == (400, "invalid_grant")
    assert "sign-in" in page_of(visitor.open(client)).ids
    assert site.refresh(client, offline["refresh_token"]).status_code == offline_status


def test_sessions_of_a_browser_are_listed_until_they_end(site: Site, client: Registered) -> None:
    """An operator sees the session of a real sign-in, and one end signs out one browser only."""
    home, office = Visitor(site), Visitor(site, address="192.0.2.99")
    for each in (home, office):
        code_of(each, client)
    items = json.loads(site.run("session", "list", "--json"))["items"]
    (at_home,) = (item["session_id"] for item in items if item["address"] == "192.0.2.7")
    assert {item["browser"] for item in items} == {"Visitor/1.0"}
    site.run("session", "end", "--session", at_home, "--yes")
    assert "sign-in" in page_of(home.open(client)).ids
    assert office.open(client).status_code == 303
    assert len(json.loads(site.run("session", "list", "--json"))["items"]) == 1
