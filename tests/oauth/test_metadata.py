"""Metadata (RFC 8414; OpenID Connect Discovery 1.0) names exactly the served endpoints and grants."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

import pytest

from directory.ldap.kinds.claim_attributes import CLAIMS
from oauth.clients.registration import GRANT_TYPES
from oauth.policy.claims import PERSON_CLAIMS, SCOPE_CLAIMS, standard_claims
from tests.conftest import Site
from tests.oauth.answers import OK, status_and_error

PATH = "/.well-known/oauth-authorization-server"
OPENID_PATH = "/.well-known/openid-configuration"
ISSUER = "https://login.campus.example"


def metadata(site: Site, path: str = PATH, **headers: str) -> dict[str, object]:
    """The document."""
    answer = site.http.get(path, headers=headers)
    assert status_and_error(answer) == OK
    body: dict[str, object] = answer.get_json()
    return body


def endpoints(site: Site, issuer: str) -> dict[str, str]:
    """Each endpoint that the document names, as a path below the issuer."""
    return {
        name: str(url).removeprefix(issuer)
        for name, url in metadata(site, PATH + urlsplit(issuer).path).items()
        if name.endswith("_endpoint")
    }


def test_document_names_its_required_members(site: Site) -> None:
    """The issuer, the response types, and the grants, whose default would be wrong (RFC 8414, 2)."""
    body = metadata(site)
    assert body["issuer"] == "https://localhost:8443"
    assert body["response_types_supported"] == ["code"]
    assert body["grant_types_supported"] == list(GRANT_TYPES)
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
    """Each URL is served, and each endpoint is named (RFC 8414, 2)."""
    named = endpoints(site, "https://localhost:8443")
    for path in named.values():
        assert site.http.post(path).status_code in {400, 401}
    served = {str(rule) for rule in site.app.url_map.iter_rules() if str(rule).startswith("/oauth/")}
    assert set(named.values()) == served


@pytest.mark.parametrize("grant_type", GRANT_TYPES)
def test_every_named_grant_is_offered(faked: Site, grant_type: str) -> None:
    """The token endpoint knows every grant that is named (RFC 8414, 2)."""
    answer = faked.post("/oauth/token", faked.register(grant=""), grant_type=grant_type)
    assert status_and_error(answer) == (400, "unauthorized_client")


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke", "/oauth/introspect"])
def test_every_named_authentication_method_is_accepted(faked: Site, path: str, method: str) -> None:
    """Every endpoint accepts the method that a client is registered with."""
    client = faked.register("a program", "--auth-method", method)
    form = {"grant_type": "password", "username": "alice", "password": "x", "token": "x"}
    if method == "client_secret_post":
        form |= {"client_id": client.client_id, "client_secret": client.secret}
    auth = client.basic if method == "client_secret_basic" else None
    assert status_and_error(faked.http.post(path, data=form, auth=auth)) == OK


@pytest.mark.parametrize("issuer", [ISSUER, f"{ISSUER}/idp", f"{ISSUER}/a/b"])
def test_path_of_the_issuer_follows_the_well_known_path(make_site: Callable[..., Site], issuer: str) -> None:
    """The issuer's path follows the well-known path, and all URLs are below the issuer (RFC 8414, 3)."""
    site = make_site(NETID_ISSUER=issuer)
    body = metadata(site, PATH + urlsplit(issuer).path)
    assert body["issuer"] == issuer
    assert endpoints(site, issuer)["token_endpoint"] == "/oauth/token"
    assert all(str(url).startswith(f"{issuer}/") for name, url in body.items() if name.endswith("_endpoint"))


def test_document_of_another_issuer_is_404(make_site: Callable[..., Site]) -> None:
    """The document of another issuer is not served (RFC 8414, 3.3)."""
    site = make_site(NETID_ISSUER=f"{ISSUER}/idp")
    for path in (PATH, f"{PATH}/other", f"{PATH}/idp/"):
        assert site.http.get(path).status_code == 404


@pytest.mark.parametrize("name", ["Host", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded"])
def test_no_header_changes_the_document(make_site: Callable[..., Site], name: str) -> None:
    """The issuer comes from the settings, whatever host a request names (RFC 8414, 3.3)."""
    site = make_site(NETID_ISSUER=ISSUER, NETID_TRUSTED_PROXIES="1")
    assert metadata(site, **{name: "evil.example"}) == metadata(site)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_document_is_read_only(site: Site, method: str) -> None:
    """The document is read by GET (RFC 8414, 3.1)."""
    assert site.http.open(PATH, method=method).status_code == 405


class TestOpenidConfiguration:
    """OpenID Connect Discovery 1.0: the document for libraries that verify ID tokens."""

    @pytest.mark.parametrize("own_path", ["", "/idp", "/a/b"])
    def test_every_library_finds_the_document(self, make_site: Callable[..., Site], own_path: str) -> None:
        """The path is behind the issuer's path (4), before it (RFC 8414, 5), or alone behind a proxy."""
        site = make_site(NETID_ISSUER=f"{ISSUER}{own_path}")
        document = metadata(site, PATH + own_path)
        for path in (own_path + OPENID_PATH, OPENID_PATH, OPENID_PATH + own_path):
            assert metadata(site, path) == document
        assert document["issuer"] == f"{ISSUER}{own_path}"

    def test_document_has_the_members_that_verifiers_need(self, site: Site) -> None:
        """The keys, algorithms, kinds of subjects and claims are named (3)."""
        body = metadata(site, OPENID_PATH)
        assert body["jwks_uri"] == "https://localhost:8443/.well-known/jwks.json"
        assert body["userinfo_endpoint"] == "https://localhost:8443/oauth/userinfo"
        assert body["id_token_signing_alg_values_supported"] == ["RS256", "ES256"]
        assert body["subject_types_supported"] == ["public", "pairwise"]
        assert body["response_types_supported"] == ["code"]

    @pytest.mark.parametrize("options", [(), ("--access-token-format", "ES256", "--pairwise-subject")])
    def test_document_names_every_claim(self, site: Site, options: tuple[str, ...]) -> None:
        """Each claim of an ID token and of userinfo is named, and so is the algorithm (3)."""
        scope = "openid profile email groups eduperson"
        client = site.register("a portal", "--id-token", "--scope", scope, *options)
        answer = site.ask_token(client).get_json()
        header, claims = (
            json.loads(urlsafe_b64decode(part + "==")) for part in answer["id_token"].split(".")[:2]
        )
        body: Any = metadata(site, OPENID_PATH)
        assert header["alg"] in body["id_token_signing_alg_values_supported"]
        released = site.get("/oauth/userinfo", site.token(client, resource="https://localhost:8443"))
        assert len(released.get_json()) > 4
        assert {*claims, *released.get_json()} <= set(body["claims_supported"])
        assert len(body["claims_supported"]) == len(set(body["claims_supported"]))

    def test_unused_claims_are_not_named(self) -> None:
        """Every claim that is named can be released (3)."""
        released = standard_claims(dict.fromkeys(chain(*SCOPE_CLAIMS.values())))
        of_directories = {claim.partition(".")[0] for claim in CLAIMS}
        assert {*PERSON_CLAIMS, *of_directories} == set(released) | {"sub"}
