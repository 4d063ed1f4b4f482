"""The front page: HTML for a browser, JSON for a program, and links that no Host header changes."""

from collections.abc import Callable

import pytest

from tests.conftest import Site

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize("accept", [BROWSER, "text/html", "text/*", "application/json;q=0.5, text/html"])
def test_browser_gets_html(site: Site, accept: str) -> None:
    """A request that prefers HTML gets a page (RFC 9110, 12.5.1)."""
    answer = site.http.get("/", headers={"Accept": accept})
    assert answer.content_type == "text/html; charset=utf-8"
    assert "<h1>NetID OAuth</h1>" in answer.text
    assert "curl" in answer.text


@pytest.mark.parametrize(
    "accept", [None, "*/*", "application/json", "text/html;q=0.5, application/json", "image/png", ";;,", "ü"]
)
def test_program_gets_json(site: Site, accept: str | None) -> None:
    """Every other request, such as one of curl, gets JSON."""
    answer = site.http.get("/", headers={} if accept is None else {"Accept": accept})
    body = answer.get_json()
    assert body["token_endpoint"] == "https://localhost:8443/oauth/token"
    assert body["grant_types_supported"] == ["password", "refresh_token", "client_credentials"]
    assert "RFC 9700" in body["warning"]
    assert answer.data.endswith(b"\n")


@pytest.mark.parametrize("accept", [BROWSER, "*/*"])
def test_page_names_the_endpoints_of_the_metadata(site: Site, accept: str) -> None:
    """The page names every endpoint as the metadata does (RFC 8414, 2)."""
    site.run("scope", "create", "payroll")
    metadata = site.http.get("/.well-known/oauth-authorization-server").get_json()
    assert "payroll" in metadata["scopes_supported"]
    answer = site.http.get("/", headers={"Accept": accept})
    assert all(url in answer.text for name, url in metadata.items() if name.endswith("_endpoint"))
    assert not answer.is_json or metadata.items() <= answer.get_json().items()


@pytest.mark.parametrize("accept", [BROWSER, "*/*"])
def test_answer_varies_by_accept(site: Site, accept: str) -> None:
    """Caches keep HTML and JSON apart, because the answer varies by Accept (RFC 9110, 12.5.5)."""
    assert site.http.get("/", headers={"Accept": accept}).headers["Vary"] == "Accept"


@pytest.mark.parametrize("accept", [BROWSER, "*/*"])
@pytest.mark.parametrize("name", ["Host", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded"])
def test_links_come_from_the_issuer(make_site: Callable[..., Site], accept: str, name: str) -> None:
    """Every URL begins with the issuer, whatever host the request names."""
    site = make_site(NETID_ISSUER="https://login.campus.example/idp")
    usual = site.http.get("/", headers={"Accept": accept})
    forged = site.http.get("/", headers={"Accept": accept, name: "evil.example"})
    assert forged.data == usual.data
    assert "https://login.campus.example/idp/oauth/token" in usual.text
    assert "localhost" not in usual.text


def test_trusted_proxy_cannot_change_the_host(make_site: Callable[..., Site]) -> None:
    """A trusted proxy sets the client address and the scheme, but never the host in our URLs."""
    site = make_site(NETID_TRUSTED_PROXIES="1")
    headers = {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-For": "192.0.2.7",
        "X-Forwarded-Proto": "http",
    }
    assert site.http.get("/", headers=headers).data == site.http.get("/").data
