"""A client's registration: which metadata is accepted, and under which names it is shown."""

import json
from dataclasses import replace

import pytest

from models import Registration
from oauth.clients.registration import KEEP_REFRESH_TOKEN, PUBLIC_PASSWORD, Offer, mistakes
from tests.conftest import Site

GOOD = Registration(
    client_name="A program",
    grant_types=("password", "refresh_token"),
    scope="profile email",
    default_scope="email",
    redirect_uris=("https://app.example/callback",),
    owner="web team",
)
PUBLIC = Registration(client_name="An app", token_endpoint_auth_method="none")
OFFER = Offer(("client_secret_basic", "client_secret_post", "none"), "https://localhost:8443")


def mistakes_of(registration: Registration) -> list[str]:
    """The mistakes of a registration, at a server with three methods of client authentication."""
    return list(mistakes(registration, OFFER))


def test_good_registration_has_no_mistakes() -> None:
    """A valid registration is stored unchanged (RFC 7591, 2)."""
    assert mistakes_of(GOOD) == []
    assert mistakes_of(Registration(client_name="bare")) == []


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"client_name": ""}, "name"),
        ({"client_name": "x" * 256}, "name"),
        ({"client_name": "a\nb"}, "name"),
        ({"client_name": "a\u202eb"}, "name"),
        ({"client_name": "a\0"}, "name"),
        ({"owner": "a\nb"}, "owner"),
        ({"owner": "x" * 256}, "owner"),
        ({"grant_types": ("implicit",)}, "'implicit'"),
        ({"grant_types": ("Password",)}, "'Password'"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "authentication method"),
        ({"scope": 'pro"file', "default_scope": None}, "scope"),
        ({"scope": "profile  email"}, "scope"),
        ({"scope": "ümlaut", "default_scope": None}, "scope"),
        ({"scope": "default", "default_scope": None}, "'default'"),
        ({"default_scope": "echo"}, "default scope"),
        ({"default_scope": ""}, "default scope"),
        ({"redirect_uris": ("/callback",)}, "'/callback'"),
        ({"redirect_uris": ("app.example/callback",)}, "redirect URI"),
        ({"redirect_uris": ("https://app.example/#fragment",)}, "redirect URI"),
        ({"redirect_uris": ("https://app.example/#",)}, "redirect URI"),
        ({"redirect_uris": ("https:///callback",)}, "redirect URI"),
        ({"redirect_uris": ("https:callback",)}, "redirect URI"),
        ({"redirect_uris": ("http://:80/callback",)}, "redirect URI"),
        ({"redirect_uris": ("https://app.example/a b",)}, "redirect URI"),
        ({"redirect_uris": ("https://app.example/\r\nSet-Cookie:a=b",)}, "redirect URI"),
        ({"redirect_uris": ("https://[::1/",)}, "redirect URI"),
        ({"redirect_uris": ("https://äpp.example/",)}, "redirect URI"),
        ({"audiences": ("/api",)}, "'/api'"),
        ({"audiences": ("api.example",)}, "audience"),
        ({"audiences": ("https://api.example/#",)}, "audience"),
        ({"audiences": ("https://api.example/a b",)}, "audience"),
        ({"audiences": ("https://",)}, "audience"),
        ({"access_token_format": "HS256"}, "opaque, RS256, ES256"),
        ({"access_token_format": "RS256", "audiences": ("urn:" + "x" * 3000,)}, "3000 characters"),
        ({"token_endpoint_auth_method": "none"}, "--allow-public-password"),
        ({"token_endpoint_auth_method": "none", "grant_types": (), "resource_server": True}, "secret"),
        (
            {"token_endpoint_auth_method": "none", "grant_types": (), "flags": {KEEP_REFRESH_TOKEN: True}},
            "--keep-refresh-token",
        ),
        ({"restrictions": {"allow_members": ("staff",)}}, "'staff'"),
        ({"restrictions": {"refuse_members": ("group:",)}}, "'group:'"),
        ({"restrictions": {"networks": ("192.0.2.1/24",)}}, "'192.0.2.1/24'"),
        ({"restrictions": {"networks": ("campus",)}}, "'campus'"),
        ({"restrictions": {"netwroks": ("192.0.2.0/24",)}}, "'netwroks'"),
        ({"restrictions": {"cors_origins": ("https://app.example",)}}, "public clients"),
    ],
)
def test_mistake_is_named(change: dict[str, object], names: str) -> None:
    """Each mistake has one sentence that names it (RFC 7591, 3.2.2)."""
    (sentence,) = mistakes_of(replace(GOOD, **change))  # type: ignore[arg-type]
    assert names in sentence


@pytest.mark.parametrize(
    "uri",
    ["http://localhost:8080/", "edu.campus.app:/callback", "myapp://callback", "https://[::1]:8443/x?y=z"],
)
def test_absolute_redirect_uri_is_accepted(uri: str) -> None:
    """Loopback, a scheme of the program's own, a query: all absolute (RFC 6749, 3.1.2; RFC 8252, 7)."""
    assert mistakes_of(replace(GOOD, redirect_uris=(uri,))) == []


def test_valid_restrictions_are_accepted() -> None:
    """Rules, IPv4 and IPv6 networks, and the origins of a public client are accepted."""
    restrictions = {
        "allow_members": ("group:cn=a b,dc=x", "affiliation:staff"),
        "networks": ("192.0.2.1", "192.0.2.0/24", "2001:db8::/32"),
    }
    assert mistakes_of(replace(GOOD, restrictions=restrictions)) == []
    origins = ("https://app.example", "http://localhost:8080", "https://[::1]:8443")
    assert mistakes_of(replace(PUBLIC, restrictions={"cors_origins": origins})) == []


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "null",
        "app.example",
        "https://app.example/",
        "https://APP.example",
        "https://app.example:443",
        "http://app.example:80",
        "https://user@app.example",
        "https://app.example:x",
        "https://*.app.example, https://b.example",
        "app://x",
        "https://",
    ],
)
def test_origin_that_no_browser_sends_is_refused(origin: str) -> None:
    """An origin that no browser sends is refused, because it would match nothing (RFC 6454, 6.2)."""
    (sentence,) = mistakes_of(replace(PUBLIC, restrictions={"cors_origins": (origin,)}))
    assert repr(origin) in sentence


def test_all_mistakes_are_named_at_once() -> None:
    """One answer names every mistake."""
    broken = Registration(client_name="", grant_types=("implicit",), scope="ü", redirect_uris=("/",))
    assert len(mistakes_of(broken)) == 4


def test_public_password_has_to_be_allowed_by_name() -> None:
    """A public client may use the password grant only if an operator allows it (RFC 6749, 4.3)."""
    public = replace(GOOD, token_endpoint_auth_method="none")
    assert mistakes_of(replace(public, flags={PUBLIC_PASSWORD: True})) == []
    assert mistakes_of(replace(public, flags={PUBLIC_PASSWORD: False})) != []
    assert mistakes_of(replace(public, grant_types=())) == []


def test_metadata_has_the_names_of_the_rfc(site: Site) -> None:
    """A registration is shown under the names of RFC 7591, without any secret (RFC 7591, 2)."""
    client = site.register("A program", "--scope", "profile", "--owner", "web team")
    shown = json.loads(site.run("client", "show", client.client_id, "--json"))
    wanted = {
        "client_id": client.client_id,
        "client_name": "A program",
        "grant_types": ["password"],
        "scope": "profile",
        "redirect_uris": [],
        "token_endpoint_auth_method": "client_secret_basic",
        "owner": "web team",
        "resource_server": False,
    }
    assert {name: shown[name] for name in wanted} == wanted
    assert "client_secret" not in shown
    assert client.secret not in str(shown)
