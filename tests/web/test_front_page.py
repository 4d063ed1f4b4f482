"""The front page: HTML for a browser, JSON for a program, and links that no Host header changes."""

import re
from collections.abc import Callable
from html import unescape

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


def test_page_starts_with_what_new_programs_may_use(site: Site) -> None:
    """Registering with the password grant comes after the warning about it (RFC 9700, 2.4)."""
    html = site.http.get("/", headers={"Accept": BROWSER}).text
    parts = (
        "--grant authorization_code --redirect-uri",
        "RFC 9700",
        "--grant password",
        "grant_type=password",
    )
    places = [html.index(part) for part in parts]
    assert places == sorted(places)
    register = site.http.get("/").get_json()["register"]
    assert "password" not in register
    assert "authorization_code" in register


@pytest.mark.parametrize(
    "accept", [None, "*/*", "application/json", "text/html;q=0.5, application/json", "image/png", ";;,", "ü"]
)
def test_program_gets_json(site: Site, accept: str | None) -> None:
    """Every other request, such as one of curl, gets JSON."""
    answer = site.http.get("/", headers={} if accept is None else {"Accept": accept})
    body = answer.get_json()
    assert body["token_endpoint"] == "https://localhost:8443/oauth/token"
    metadata = site.http.get("/.well-known/oauth-authorization-server").get_json()
    assert body["grant_types_supported"] == metadata["grant_types_supported"]
    assert {"password", "refresh_token", "client_credentials"} <= {*body["grant_types_supported"]}
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
    assert all(scope in answer.text for scope in metadata["scopes_supported"])
    assert metadata["jwks_uri"] in answer.text
    assert "https://localhost:8443/.well-known/oauth-authorization-server" in answer.text
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


LINKS = {
    "NETID_DOCS_URI": "https://docs.campus.example/oauth?lang=en&part=1",
    "NETID_POLICY_URI": "https://campus.example/data",
    "NETID_TERMS_URI": "https://campus.example/terms",
}


def test_page_links_the_pages_and_the_contact_of_the_operator(make_site: Callable[..., Site]) -> None:
    """The page links documentation, rules, terms and contact, as the metadata names them (RFC 8414, 2)."""
    site = make_site(NETID_CONTACT="identity@campus.example", **LINKS)
    page = site.http.get("/", headers={"Accept": BROWSER}).text
    hrefs = {unescape(href) for href in re.findall(r'href="([^"]*)"', page)}
    assert hrefs >= {*LINKS.values(), "mailto:identity@campus.example"}
    body = site.http.get("/").get_json()
    assert body["contact"] == "identity@campus.example"
    metadata = site.http.get("/.well-known/oauth-authorization-server").get_json()
    for document in (body, metadata):
        assert document["service_documentation"] == LINKS["NETID_DOCS_URI"]
        assert document["op_policy_uri"] == LINKS["NETID_POLICY_URI"]
        assert document["op_tos_uri"] == LINKS["NETID_TERMS_URI"]


def test_page_of_a_contact_is_linked_as_it_is(make_site: Callable[..., Site]) -> None:
    """A contact may be a page instead of an email address."""
    page = make_site(NETID_CONTACT="https://help.campus.example").http.get("/", headers={"Accept": BROWSER})
    assert 'href="https://help.campus.example"' in page.text


def test_links_that_are_not_set_are_left_out(site: Site) -> None:
    """Without settings, neither page nor metadata has a link or a contact."""
    metadata = site.http.get("/.well-known/oauth-authorization-server").get_json()
    assert not {"service_documentation", "op_policy_uri", "op_tos_uri"} & metadata.keys()
    assert "contact" not in site.http.get("/").get_json()
    page = site.http.get("/", headers={"Accept": BROWSER}).text
    assert "None" not in page
    assert "mailto:" not in page


@pytest.mark.parametrize(
    ("issuer", "expected"),
    [
        ("https://localhost:8443", True),
        ("https://[::1]:8443", True),
        ("https://login.campus.example", False),
        ("http://localhost:8080", False),
    ],
)
def test_page_advises_k_only_for_the_certificate_of_make_run(
    make_site: Callable[..., Site], issuer: str, *, expected: bool
) -> None:
    """`-k` switches the check of the certificate off, so only the page of a trial names it."""
    page = make_site(NETID_ISSUER=issuer).http.get("/", headers={"Accept": BROWSER}).text
    assert ("<code>-k</code>" in page) is expected
    assert ("--cacert" in page) is expected
