"""The metadata of this server as a protected resource (RFC 9728)."""

from collections.abc import Callable

from tests.conftest import Site

PATH = "/.well-known/oauth-protected-resource"
ISSUER = "https://login.campus.example"


def test_document_names_the_resource_and_its_server(site: Site) -> None:
    """The resource is the issuer, which issues its tokens (section 2)."""
    answer = site.http.get(PATH)
    body = answer.get_json()
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert body["resource"] == "https://localhost:8443"
    assert body["authorization_servers"] == ["https://localhost:8443"]
    assert body["bearer_methods_supported"] == ["header"]
    assert {"openid", "profile", "echo"} <= set(body["scopes_supported"])


def test_token_for_the_named_resource_opens_it(site: Site) -> None:
    """The named resource can be requested, and its token is accepted (RFC 8707, 2)."""
    resource = site.http.get(PATH).get_json()["resource"]
    token = site.token(site.register("a program", "--scope", "openid"), resource=resource)
    assert site.get("/oauth/userinfo", token).status_code == 200


def test_path_of_the_issuer_follows_the_well_known_path(make_site: Callable[..., Site]) -> None:
    """The well-known path is inserted before the resource's own path (section 3.1)."""
    site = make_site(NETID_ISSUER=f"{ISSUER}/idp")
    assert site.http.get(f"{PATH}/idp").get_json()["resource"] == f"{ISSUER}/idp"
    assert site.http.get(PATH).status_code == 404


def test_scope_of_the_catalogue_is_named(site: Site) -> None:
    """A scope that an operator describes is named."""
    site.run("scope", "create", "grades")
    assert "grades" in site.http.get(PATH).get_json()["scopes_supported"]
