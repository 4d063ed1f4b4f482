"""Redirect URIs: compared as texts, but for the port of a loopback address (RFC 9700, 2.1; RFC 8252, 7)."""

import pytest

from oauth.clients.redirect_uris import is_registered, is_safe
from tests.conftest import Site
from tests.oauth.authorizing import parameters_of, read, register


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example/cb",
        "https://app.example:8443/cb?tenant=1",
        "http://127.0.0.1/cb",
        "http://127.0.0.1:51004/cb",
        "http://[::1]:51004/cb",
        "http://localhost:3000/cb",
        "edu.campus.app:/cb",
        "edu.campus.app://cb",
    ],
)
def test_safe_uri_is_accepted(uri: str) -> None:
    """The web over TLS, this machine, and the private schemes of apps (RFC 8252, 7)."""
    assert is_safe(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "/cb",
        "app.example/cb",
        "http://app.example/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://127.0.0.2/cb",
        "https://good.example@evil.example/cb",
        "https://@evil.example/cb",
        "https:///cb",
        "https://app.example:0/cb",
        "https://app.example:99999/cb",
        "https://app.example/cb#part",
        "https://app.example/c b",
        "https://app.example/cb\n",
        "https://app.example\\@evil.example/cb",
        "https://app.exämple/cb",
        "https://*.example/cb",
        "https://a;b/cb",
        "https://a,b/cb",
        "https://[::1/cb",
        'https://app.example/"onclick="',
        "javascript:alert(1)",
        "javascript.x:alert(1)//" + "\x00",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "myapp:/cb",
        "blob:https://app.example/x",
        "https://app.example/" + "c" * 2048,
    ],
)
def test_unsafe_uri_is_refused(uri: str) -> None:
    """No code is sent in the clear, to a script, or to a scheme that any app may take (RFC 8252, 8.4)."""
    assert not is_safe(uri)
    assert not is_registered(uri, [uri])


@pytest.mark.parametrize(
    ("registered", "uri"),
    [
        ("http://127.0.0.1/cb", "http://127.0.0.1:1/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:65535/cb"),
        ("http://127.0.0.1:8000/cb", "http://127.0.0.1/cb"),
        ("http://127.0.0.1:8000/cb?a=b", "http://127.0.0.1:9000/cb?a=b"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:9000"),
        ("http://[::1]/cb", "http://[::1]:51004/cb"),
    ],
)
def test_any_port_of_a_loopback_address(registered: str, uri: str) -> None:
    """A native app learns its port when it starts (RFC 8252, 7.3)."""
    assert is_registered(uri, [registered])


@pytest.mark.parametrize(
    ("registered", "uri"),
    [
        ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb/"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:51004/other"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb?a=b"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:0/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:65536/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:80@evil.example/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:80.evil.example/cb"),
        ("http://127.0.0.1/cb", "http://[::1]:51004/cb"),
        ("http://127.0.0.1/cb", "http://127.1:51004/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:٣/cb"),
        ("https://127.0.0.1/cb", "https://127.0.0.1:51004/cb"),
        ("http://localhost:3000/cb", "http://localhost:3001/cb"),
        ("https://app.example/cb", "https://app.example:443/cb"),
    ],
)
def test_nothing_but_the_port_may_differ(registered: str, uri: str) -> None:
    """`localhost` is a name, which may resolve to another machine (RFC 8252, 8.3)."""
    assert not is_registered(uri, [registered])


def test_app_gets_its_answer_at_its_port(faked: Site) -> None:
    """The answer goes to the port that the app named."""
    app = register(faked, "--public", redirect_uri="http://127.0.0.1/cb")
    request = read(faked, parameters_of(app, redirect_uri="http://127.0.0.1:51004/cb"))
    assert request.redirect_uri == request.given_redirect_uri == "http://127.0.0.1:51004/cb"
