"""Browser pages read only answers to the client that their origin is registered with."""

import pytest
from werkzeug.test import TestResponse

from tests.conftest import Registered, Site
from tests.faults import ruin_database

ORIGIN, OTHER = "https://app.example", "https://evil.example"
ALLOWED = "Access-Control-Allow-Origin"
PATHS = ("/oauth/token", "/token", "/oauth/revoke", "/revoke", "/oauth/userinfo", "/userinfo")


@pytest.fixture
def page(site: Site) -> Registered:
    """A public client whose page is at one origin."""
    options = ("--auth-method", "none", "--allow-public-password", "--scope", "profile")
    return site.register("a page", *options, "--cors-origin", ORIGIN)


def ask(site: Site, client: Registered, origin: str, **changes: str) -> TestResponse:
    """A token request from a page."""
    form = {"grant_type": "password", "username": "alice", "password": "alice-password", **changes}
    return site.http.post(
        "/oauth/token", data={"client_id": client.client_id, **form}, headers={"Origin": origin}
    )


def preflight(site: Site, path: str, origin: str, method: str = "POST") -> TestResponse:
    """The request that a browser sends first."""
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    return site.http.options(path, headers=headers)


@pytest.mark.parametrize("path", PATHS)
def test_preflight_of_a_registered_page(site: Site, page: Registered, path: str) -> None:
    """A browser may send the request of a registered page (Fetch, 4.8)."""
    answer = preflight(site, path, ORIGIN)
    assert (answer.status_code, answer.data) == (204, b"")
    assert answer.headers[ALLOWED] == ORIGIN
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert answer.headers["Vary"] == "Origin"
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    ("path", "origin", "method"),
    [
        ("/oauth/token", OTHER, "POST"),
        ("/oauth/token", "null", "POST"),
        ("/oauth/token", ORIGIN, "PUT"),
        ("/oauth/introspect", ORIGIN, "POST"),
        ("/api/me", ORIGIN, "GET"),
    ],
)
def test_preflight_of_another_page_is_405(
    site: Site, page: Registered, path: str, origin: str, method: str
) -> None:
    """For another origin, method or endpoint, OPTIONS is not allowed."""
    answer = preflight(site, path, origin, method)
    assert answer.status_code == 405
    assert ALLOWED not in answer.headers


def test_page_reads_its_token(site: Site, page: Registered) -> None:
    """Only the registered origin may read the answer, refusals included (Fetch, 3.3)."""
    for changes, status in (({}, 200), ({"password": "wrong"}, 400), ({"scope": "x"}, 400)):
        answer = ask(site, page, ORIGIN, **changes)
        assert answer.status_code == status
        assert answer.headers[ALLOWED] == ORIGIN
        assert answer.headers["Vary"] == "Origin"
        assert ALLOWED not in ask(site, page, OTHER, **changes).headers


def test_page_cannot_read_answers_to_other_clients(site: Site, page: Registered) -> None:
    """An origin is not allowed for another client, nor for an unknown one."""
    options = ("--auth-method", "none", "--allow-public-password")
    assert ALLOWED not in ask(site, site.register("another", *options), ORIGIN).headers
    assert ALLOWED not in ask(site, Registered("unknown", ""), ORIGIN).headers


def test_page_reads_userinfo_of_its_own_token(site: Site, page: Registered) -> None:
    """A page reads userinfo if the token is its client's."""
    mine = ask(site, page, ORIGIN).get_json()["access_token"]
    other = site.token(site.register("other", "--scope", "profile"))
    for token, expected in ((mine, ORIGIN), (other, None)):
        headers = {"Authorization": f"Bearer {token}", "Origin": ORIGIN}
        answer = site.http.get("/oauth/userinfo", headers=headers)
        assert answer.status_code == 200
        assert answer.headers.get(ALLOWED) == expected


def test_new_origin_is_allowed_within_a_minute(site: Site, page: Registered) -> None:
    """The list of origins is cached for a minute."""
    assert preflight(site, "/token", OTHER).status_code == 405
    site.run("client", "update", page.client_id, "--cors-origin", OTHER)
    site.clock.now += 60
    assert preflight(site, "/token", OTHER).status_code == 204
    assert preflight(site, "/token", ORIGIN).status_code == 405


def test_page_without_database_gets_503(site: Site, page: Registered) -> None:
    """If the list of origins cannot be read, the answer is the usual 503."""
    ruin_database(site)
    assert ask(site, page, ORIGIN).status_code == 503
    assert preflight(site, "/token", ORIGIN).status_code == 503
