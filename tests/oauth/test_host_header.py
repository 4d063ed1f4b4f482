"""The Host header changes no answer; an impossible host is 400."""

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from tests.conftest import Registered, Site

FOREIGN = ["evil.example", "evil.example:1", "localhost:8443", "127.0.0.1", "[::1]:8443", "EVIL.example."]
ODD = [
    "",
    "a b",
    "[::1",
    "[zz]",
    "x:y:z",
    '"<script>"',
    "@",
    "user@evil.example",
    "e/vil",
    "evil:99999999",
    "ü",
]
IMPOSSIBLE = ["..", ".", "a" * 5000]
PATHS = ["/", "/api/me", "/healthz", "/nothing", "/oauth/token", "/api//me", "/echo//v1/echo/x", "/token/"]


@pytest.mark.parametrize("host", [*FOREIGN, *ODD])
def test_token_is_issued_with_any_host_header(site: Site, client: Registered, host: str) -> None:
    """A token is issued with any Host header, because every URL comes from the issuer."""
    form = {"grant_type": "password", "username": "alice", "password": "alice-password"}
    answer = site.http.post("/oauth/token", data=form, auth=client.basic, headers={"Host": host})
    assert answer.status_code == 200
    token = answer.get_json()["access_token"]
    answer = site.http.get("/api/me", headers={"Authorization": f"Bearer {token}", "Host": host})
    assert answer.get_json()["net_id"] == "alice"


@pytest.mark.parametrize("host", [*FOREIGN, *ODD])
def test_host_header_changes_no_answer(site: Site, host: str) -> None:
    """No path answers in HTML, redirects, or differs by the Host header."""
    for path in PATHS:
        usual, answer = site.http.get(path), site.http.get(path, headers={"Host": host})
        assert (answer.status_code, answer.data) == (usual.status_code, usual.data), path
        assert answer.status_code in {200, 401, 404, 405}, path
        assert answer.is_json, path
        assert "Location" not in answer.headers, path


@pytest.mark.parametrize("host", IMPOSSIBLE, ids=lambda host: host[:5])
def test_impossible_host_is_a_plain_400(site: Site, host: str) -> None:
    """A Host header that cannot be a host is 400 as JSON (RFC 9112, 3.2)."""
    for path in PATHS:
        answer = site.http.get(path, headers={"Host": host})
        assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request"), path
        assert answer.data.endswith(b"\n"), path


def test_request_without_host_is_answered(site: Site) -> None:
    """HTTP/1.0 has no Host header, and gets the usual answer (RFC 9112, 3.2)."""
    for path in PATHS:
        environ = EnvironBuilder(path=path).get_environ()
        del environ["HTTP_HOST"]
        environ["SERVER_PROTOCOL"] = "HTTP/1.0"
        body, status, headers = run_wsgi_app(site.app, environ, buffered=True)
        assert int(status.split()[0]) in {200, 401, 404, 405}, path
        assert headers["Content-Type"] == "application/json", path
        assert b"".join(body).endswith(b"\n"), path


@pytest.mark.parametrize("name", ["X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "Forwarded"])
def test_forwarded_headers_change_nothing(site: Site, name: str) -> None:
    """Without a trusted proxy, forwarding headers are ignored (RFC 7239, 8.1)."""
    assert site.http.get("/", headers={name: "evil.example"}).data == site.http.get("/").data
