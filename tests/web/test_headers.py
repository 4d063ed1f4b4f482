"""The security headers that every answer has."""

from collections.abc import Callable

import pytest

from tests.conftest import Site

PATHS = ("/", "/healthz", "/api/me", "/oauth/token", "/oauth/userinfo", "/nothing/here")
HTML = {"Accept": "text/html"}


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_has_the_security_headers(site: Site, path: str) -> None:
    """Answers and errors forbid type guessing, scripts, frames and referrers, and set no cookie."""
    for answer in (site.http.get(path, headers=HTML), site.http.post(path), site.http.options(path)):
        assert answer.headers.getlist("X-Content-Type-Options") == ["nosniff"]
        (policy,) = answer.headers.getlist("Content-Security-Policy")
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers.getlist("Referrer-Policy") == ["no-referrer"]
        assert "Set-Cookie" not in answer.headers
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_token_answer_sets_no_cookie(site: Site) -> None:
    """A token answer sets no cookie, and a cookie in the request changes nothing (Flask, CVE-2023-30861)."""
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
def test_https_issuer_sends_hsts_except_on_loopback(
    make_site: Callable[..., Site], issuer: str, expected: list[str]
) -> None:
    """Browsers must stay with https, except on a loopback host (RFC 6797, 7)."""
    answer = make_site(NETID_ISSUER=issuer).http.get("/healthz")
    assert answer.headers.getlist("Strict-Transport-Security") == expected
