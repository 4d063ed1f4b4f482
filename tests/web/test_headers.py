"""What every answer tells a browser not to do with it."""

from collections.abc import Callable

import pytest

from tests.conftest import Site

PATHS = ("/", "/healthz", "/api/me", "/oauth/token", "/oauth/userinfo", "/nothing/here")
HTML = {"Accept": "text/html"}


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_is_safe_in_a_browser(site: Site, path: str) -> None:
    """Answers and errors alike: no guess at a type, no script, no frame, no referrer, and no cookie, ever."""
    for answer in (site.http.get(path, headers=HTML), site.http.post(path), site.http.options(path)):
        assert answer.headers.getlist("X-Content-Type-Options") == ["nosniff"]
        (policy,) = answer.headers.getlist("Content-Security-Policy")
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers.getlist("Referrer-Policy") == ["no-referrer"]
        assert "Set-Cookie" not in answer.headers
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_token_comes_without_a_cookie(site: Site) -> None:
    """A token answer sets no cookie, and none that is sent changes it (Flask, CVE-2023-30861)."""
    site.http.set_cookie("session", "eyJhIjoxfQ.aaaa.bbbb")
    answer = site.ask_token(site.register())
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert "Cookie" not in answer.headers.get("Vary", "")


@pytest.mark.parametrize(
    ("issuer", "expected"),
    [
        ("https://oauth.campus.example", ["max-age=31536000"]),
        ("https://localhost:8443", []),
        ("http://localhost:8080", []),
    ],
)
def test_https_is_for_good(make_site: Callable[..., Site], issuer: str, expected: list[str]) -> None:
    """Behind https a browser stays with it, but on this machine, which has other servers (RFC 6797, 7)."""
    answer = make_site(NETID_ISSUER=issuer).http.get("/healthz")
    assert answer.headers.getlist("Strict-Transport-Security") == expected
