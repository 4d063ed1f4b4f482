"""Authorization server metadata (RFC 8414): exactly what is served, under the name in the settings."""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from oauth.clients.registration import GRANT_TYPES
from tests.conftest import Site
from tests.oauth.answers import OK, said

PATH = "/.well-known/oauth-authorization-server"
ISSUER = "https://login.campus.example"


def metadata(site: Site, path: str = PATH, **headers: str) -> dict[str, object]:
    """The document."""
    answer = site.http.get(path, headers=headers)
    assert said(answer) == OK
    body: dict[str, object] = answer.get_json()
    return body


def endpoints(site: Site, issuer: str) -> dict[str, str]:
    """Each endpoint that the document names, as a path below the issuer."""
    return {
        name: str(url).removeprefix(issuer)
        for name, url in metadata(site, PATH + urlsplit(issuer).path).items()
        if name.endswith("_endpoint")
    }


def test_what_must_be_named(site: Site) -> None:
    """The issuer, the response types (none), and the grants, whose default would be wrong (RFC 8414, 2)."""
    body = metadata(site)
    assert body["issuer"] == "https://localhost:8443"
    assert body["response_types_supported"] == []
    assert body["grant_types_supported"] == ["password", "refresh_token", "client_credentials"]
    assert body["token_endpoint_auth_methods_supported"] == [
        "client_secret_basic",
        "client_secret_post",
        "none",
    ]
    assert body["introspection_endpoint_auth_methods_supported"] == [
        "client_secret_basic",
        "client_secret_post",
    ]


def test_every_named_endpoint_is_served(site: Site) -> None:
    """Behind each URL stands an endpoint, and no endpoint of ours is left out (RFC 8414, 2)."""
    named = endpoints(site, "https://localhost:8443")
    for path in named.values():
        assert site.http.post(path).status_code in {400, 401}
    served = {str(rule) for rule in site.app.url_map.iter_rules() if str(rule).startswith("/oauth/")}
    assert set(named.values()) == served


@pytest.mark.parametrize("grant_type", GRANT_TYPES)
def test_every_named_grant_is_offered(faked: Site, grant_type: str) -> None:
    """No grant is named that the token endpoint does not know (RFC 8414, 2)."""
    answer = faked.post("/oauth/token", faked.register(grant=""), grant_type=grant_type)
    assert said(answer) == (400, "unauthorized_client")


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke", "/oauth/introspect"])
def test_every_named_method_is_taken(faked: Site, path: str, method: str) -> None:
    """A client is let in by the method that it is registered with, at every endpoint alike."""
    client = faked.register("a program", "--auth-method", method)
    form = {"grant_type": "password", "username": "alice", "password": "x", "token": "x"}
    if method == "client_secret_post":
        form |= {"client_id": client.client_id, "client_secret": client.secret}
    auth = client.basic if method == "client_secret_basic" else None
    assert said(faked.http.post(path, data=form, auth=auth)) == OK


@pytest.mark.parametrize("issuer", [ISSUER, f"{ISSUER}/idp", f"{ISSUER}/a/b"])
def test_issuer_with_a_path(make_site: Callable[..., Site], issuer: str) -> None:
    """The well-known path comes first, then the issuer's own, and all URLs are below it (RFC 8414, 3)."""
    site = make_site(NETID_ISSUER=issuer)
    body = metadata(site, PATH + urlsplit(issuer).path)
    assert body["issuer"] == issuer
    assert endpoints(site, issuer)["token_endpoint"] == "/oauth/token"
    assert all(str(url).startswith(f"{issuer}/") for name, url in body.items() if name.endswith("_endpoint"))


def test_another_path_is_another_issuer(make_site: Callable[..., Site]) -> None:
    """Nothing is told of an issuer that we are not (RFC 8414, 3.3)."""
    site = make_site(NETID_ISSUER=f"{ISSUER}/idp")
    for path in (PATH, f"{PATH}/other", f"{PATH}/idp/"):
        assert site.http.get(path).status_code == 404


@pytest.mark.parametrize("name", ["Host", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded"])
def test_no_header_bends_it(make_site: Callable[..., Site], name: str) -> None:
    """The issuer comes from the settings alone, whatever a request says of the host (RFC 8414, 3.3)."""
    site = make_site(NETID_ISSUER=ISSUER, NETID_TRUSTED_PROXIES="1")
    assert metadata(site, **{name: "evil.example"}) == metadata(site)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_only_for_reading(site: Site, method: str) -> None:
    """The document is read by GET (RFC 8414, 3.1)."""
    assert site.http.open(PATH, method=method).status_code == 405
