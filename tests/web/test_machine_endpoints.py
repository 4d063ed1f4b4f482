"""A short list of endpoints is answered without a session; every other view is plain Flask."""

from collections.abc import Callable

import pytest
from flask import Flask, Response, session, url_for
from werkzeug.test import TestResponse

from tests.conftest import Site
from tests.oauth.test_host_header import FOREIGN
from web.application import MACHINE_ENDPOINTS

COOKIE = "__Host-session"
# A machine endpoint, a page, a path with variables, and a path that nothing serves.
KINDS = ["/oauth/userinfo", "/api/me", "/healthz", "/", "/echo/v1/echo/x", "/nothing"]


def with_pages(site: Site) -> Site:
    """Add a page that counts its visits in the session, and one that builds URLs."""

    @site.app.get("/visits")
    def visits() -> str:
        session["visits"] = session.get("visits", 0) + 1
        return str(session["visits"])

    @site.app.get("/links/<name>")
    def links(name: str) -> list[str]:
        return [
            url_for("links", name=name),
            url_for("links", name=name, _external=True),
            url_for("oauth.token"),
        ]

    return site


@pytest.fixture
def paged(site: Site) -> Site:
    """A site with both pages."""
    return with_pages(site)


def test_machine_endpoints_are_these() -> None:
    """No endpoint loses its session unless it is added here too."""
    assert set(MACHINE_ENDPOINTS) == {
        *("oauth.token", "oauth.revocation", "oauth.introspection", "oauth.userinfo"),
        *("api.me", "health.healthz", "health.readyz"),
    }


def test_every_machine_endpoint_is_served(site: Site) -> None:
    """Each name in the list is an endpoint of the application, so that none is misspelt."""
    assert {rule.endpoint for rule in site.app.url_map.iter_rules()} >= MACHINE_ENDPOINTS


def test_page_keeps_its_session(paged: Site) -> None:
    """What a page writes to its session is there at the next request."""
    assert [paged.http.get("/visits").text for _ in range(3)] == ["1", "2", "3"]


def test_session_cookie_is_bound_to_this_host(paged: Site) -> None:
    """The cookie is sent over https alone, hidden from scripts, and for this host (RFC 6265bis, 4.1.3.2)."""
    cookie = paged.http.get("/visits").headers["Set-Cookie"]
    name, *attributes = cookie.split("; ")
    assert name.startswith(f"{COOKIE}=")
    assert set(attributes) == {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"}


def test_forged_session_is_empty(paged: Site) -> None:
    """A cookie that the server's key did not sign counts for nothing."""
    stranger = Flask("stranger")
    stranger.secret_key = "x" * 32
    signer = stranger.session_interface.get_signing_serializer(stranger)  # type: ignore[attr-defined]
    for forged in (signer.dumps({"visits": 41}), "x", ""):
        paged.http.set_cookie(COOKIE, forged)
        assert paged.http.get("/visits").text == "1"


def test_machine_endpoints_set_no_cookie(paged: Site) -> None:
    """A token request that carries a session cookie is answered as one without."""
    paged.http.get("/visits")
    assert "Set-Cookie" not in paged.ask_token(paged.register()).headers
    assert "Set-Cookie" not in paged.http.get("/healthz").headers


def test_page_builds_urls(paged: Site) -> None:
    """`url_for` works in a page, and its external URLs begin with the issuer."""
    path, url, token = paged.http.get("/links/a").get_json()
    assert (path, url, token) == ("/links/a", "https://localhost:8443/links/a", "/oauth/token")


@pytest.mark.parametrize("host", FOREIGN)
def test_page_builds_no_url_from_the_host_header(paged: Site, host: str) -> None:
    """A forged Host header or scheme is in no URL of a page."""
    answer = paged.http.get("/links/a", headers={"Host": host}, base_url="http://evil.example/prefix")
    assert answer.get_json()[1] == "https://localhost:8443/links/a"


def test_urls_begin_with_the_path_of_the_issuer(make_site: Callable[..., Site]) -> None:
    """Behind a proxy that strips the issuer's path, a page's URLs still have it."""
    site = with_pages(make_site(NETID_ISSUER="https://login.campus.example/idp"))
    path, url, _ = site.http.get("/links/a", base_url="http://10.0.0.1:8000").get_json()
    assert (path, url) == ("/idp/links/a", "https://login.campus.example/idp/links/a")


def test_urls_outside_a_request_are_the_issuers(paged: Site) -> None:
    """A command builds the same URL as a page."""
    with paged.app.app_context():
        assert url_for("links", name="a") == "https://localhost:8443/links/a"


class Surrounded:
    """A site with functions that run around each request, and what they saw."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.ran: list[str] = []
        site.app.before_request(self._before)
        site.app.after_request(self._after)
        site.app.teardown_request(lambda _error: self.ran.append("teardown"))

    def _before(self) -> None:
        self.ran.append("before")

    def _after(self, response: Response) -> Response:
        self.ran.append("after")
        response.headers["X-Traced"] = "an-id"
        response.headers["Link"] = url_for("front_page.index", _external=True)
        return response

    def post(self, path: str) -> TestResponse:
        """A form without parameters."""
        return self.site.http.post(path, data={})


@pytest.fixture
def surrounded(site: Site) -> Surrounded:
    """A site whose requests are surrounded."""
    return Surrounded(site)


@pytest.mark.parametrize("path", [*KINDS, "/oauth/token", "/oauth/introspect", "/oauth/revoke"])
def test_functions_run_around_every_request(surrounded: Surrounded, path: str) -> None:
    """Functions registered before and after requests run on every kind of route, and for refusals too."""
    answer = (
        surrounded.post(path)
        if path in {"/oauth/token", "/oauth/introspect", "/oauth/revoke"}
        else (surrounded.site.http.get(path))
    )
    assert surrounded.ran == ["before", "after", "teardown"]
    assert answer.headers["X-Traced"] == "an-id"
    assert answer.headers["Link"] == "https://localhost:8443/"


def test_function_before_a_machine_endpoint_may_refuse(site: Site) -> None:
    """What runs before requests may answer in place of the token endpoint."""
    client = site.register()
    site.app.before_request(lambda: ("closed", 403))
    answer = site.ask_token(client)
    assert (answer.status_code, answer.text) == (403, "closed")
