"""What may be registered of a client whose users sign in at this server's pages."""

import json

import pytest

from tests.conftest import Site
from tests.oauth.authorizing import REDIRECT_URI, register

CODE = ("--grant", "authorization_code")


def refused(site: Site, *options: str) -> str:
    """What the command says of a client that cannot be registered."""
    return site.run("client", "create", "a portal", *options, status=1)


def test_every_option_is_shown_and_imported_again(faked: Site) -> None:
    """The metadata has the names of RFC 7591, RFC 9126 and OpenID Connect, and an import takes them."""
    options = (
        *("--first-party", "--pkce", "optional", "--require-par"),
        *("--post-logout-redirect-uri", "https://app.example/bye"),
        *("--backchannel-logout-uri", "https://app.example/logout"),
    )
    client = register(faked, *options)
    shown = json.loads(faked.run("client", "show", client.client_id, "--json"))
    assert shown["grant_types"] == ["authorization_code"]
    assert shown["redirect_uris"] == [REDIRECT_URI]
    assert shown["post_logout_redirect_uris"] == ["https://app.example/bye"]
    assert shown["backchannel_logout_uri"] == "https://app.example/logout"
    flags = {"first_party": True, "pkce_optional": True, "require_pushed_authorization_requests": True}
    assert shown["flags"] == flags
    again = {**shown, "client_id": "again", "client_secret": "s" * 40, "secrets": []}
    faked.run("client", "import", "-", stdin=json.dumps([again]))
    imported = json.loads(faked.run("client", "show", "again", "--json"))
    assert {**imported, "client_id": 0, "secrets": 0} == {**shown, "client_id": 0, "secrets": 0}


def test_import_takes_the_flag_of_rfc_9126(faked: Site) -> None:
    """Other servers export it as a member of the client."""
    exported = {
        "client_id": "portal",
        "client_secret": "s" * 40,
        "grant_types": ["authorization_code"],
        "redirect_uris": [REDIRECT_URI],
        "require_pushed_authorization_requests": True,
    }
    faked.run("client", "import", "-", stdin=json.dumps([exported]))
    shown = json.loads(faked.run("client", "show", "portal", "--json"))
    assert shown["flags"] == {"require_pushed_authorization_requests": True}


def test_options_are_undone(faked: Site) -> None:
    """Each option has its contrary, and an empty value clears a list or an address."""
    client = register(
        faked,
        *("--first-party", "--pkce", "optional", "--require-par"),
        *("--post-logout-redirect-uri", "https://app.example/bye"),
        *("--backchannel-logout-uri", "https://app.example/logout"),
    )
    undone = ("--third-party", "--pkce", "required", "--no-require-par")
    cleared = ("--post-logout-redirect-uri", "", "--backchannel-logout-uri", "")
    shown = json.loads(faked.run("client", "update", client.client_id, *undone, *cleared, "--json"))
    assert not any(shown["flags"].values())
    assert (shown["post_logout_redirect_uris"], shown["backchannel_logout_uri"]) == ([], None)


def test_public_is_a_method(faked: Site) -> None:
    """`--public` registers a client without a secret."""
    client = register(faked, "--public")
    assert client.secret is None
    shown = json.loads(faked.run("client", "show", client.client_id, "--json"))
    assert shown["token_endpoint_auth_method"] == "none"
    both = ("--auth-method", "client_secret_basic", "--public")
    assert "give one of them" in refused(faked, *CODE, "--redirect-uri", REDIRECT_URI, *both)


@pytest.mark.parametrize("uri", ["https://app.example/cb#part", "https://me@app.example/cb"])
def test_refused_redirect_uri_is_told_what_it_may_not_have(faked: Site, uri: str) -> None:
    """The sentence says what a URI that is https already may not have."""
    said = refused(faked, *CODE, "--redirect-uri", uri)
    assert "A user name and a fragment are not allowed in it." in said


def test_code_needs_a_redirect_uri(faked: Site) -> None:
    """Without one no answer could go anywhere (RFC 6749, 3.1.2.2)."""
    assert "needs a redirect URI" in refused(faked, *CODE)
    client = register(faked)
    cleared = faked.run("client", "update", client.client_id, "--redirect-uri", "", status=1)
    assert "needs a redirect URI" in cleared


@pytest.mark.parametrize("uri", ["http://app.example/cb", "javascript:alert(1)", "myapp:/cb"])
def test_unsafe_redirect_uri_is_not_registered(faked: Site, uri: str) -> None:
    """No code goes there, so the operator learns of it at once (RFC 8252, 8.4)."""
    assert "must be https" in refused(faked, *CODE, "--redirect-uri", uri)
    program = faked.register("a program", "--redirect-uri", uri)
    later = faked.run("client", "update", program.client_id, *CODE, status=1)
    assert "must be https" in later


@pytest.mark.parametrize("options", [("--public", "--scope", "openid"), ("--scope", "profile")])
def test_pkce_is_optional_for_openid_clients_with_a_secret(faked: Site, options: tuple[str, ...]) -> None:
    """Of others a stolen code could be used (RFC 9700, 2.1.1)."""
    said = refused(faked, *CODE, "--redirect-uri", REDIRECT_URI, "--pkce", "optional", *options)
    assert "may do without PKCE" in said


@pytest.mark.parametrize("uri", ["http://127.0.0.1/cb", "edu.campus.app:/cb"])
def test_app_of_the_machine_is_not_first_party(faked: Site, uri: str) -> None:
    """Its users must be asked, since any program of the machine can send its requests (RFC 8252, 8.6)."""
    options = (*CODE, "--redirect-uri", uri, "--first-party")
    assert "the user would not be asked" in refused(faked, *options, "--public")
    register(faked, "--first-party", redirect_uri=uri)
    register(faked, "--first-party", "--public")


@pytest.mark.parametrize("uri", ["http://app.example/", "edu.campus.app:/logout", "https://u@app.example/"])
def test_logout_is_told_over_tls(faked: Site, uri: str) -> None:
    """A logout token goes to a web server (OpenID Connect Back-Channel Logout 1.0, 2.2)."""
    said = refused(faked, *CODE, "--redirect-uri", REDIRECT_URI, "--backchannel-logout-uri", uri)
    assert "back-channel logout URI" in said


def test_address_after_a_logout_is_safe(faked: Site) -> None:
    """A user's browser goes there."""
    unsafe = ("--post-logout-redirect-uri", "javascript:alert(1)")
    assert "after a logout" in refused(faked, *CODE, "--redirect-uri", REDIRECT_URI, *unsafe)
