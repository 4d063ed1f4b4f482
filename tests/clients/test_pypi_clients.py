"""Client libraries from PyPI, with the production server."""

import ssl

import pytest

from tests.clients.conftest import (
    BODY_PROGRAM,
    ODD_PROGRAM,
    ODD_SECRET,
    PLAIN_SECRET,
    PROGRAM,
    Service,
    library,
)

pytestmark = pytest.mark.slow

ALICE = {"username": "alice", "password": "alice-password"}


def test_requests_oauthlib_logs_in_and_refreshes(service: Service) -> None:
    """LegacyApplicationClient exchanges a password, then the refresh token, and uses the new token."""
    oauthlib, session = library("oauthlib.oauth2"), library("requests_oauthlib")
    http = session.OAuth2Session(client=oauthlib.LegacyApplicationClient(PROGRAM))
    first = http.fetch_token(service.token_url, **ALICE, auth=(PROGRAM, PLAIN_SECRET))
    second = http.refresh_token(service.token_url, auth=(PROGRAM, PLAIN_SECRET))
    assert first["refresh_token"] != second["refresh_token"]
    assert http.get(f"{service.url}/api/me").json()["net_id"] == "alice"


def test_requests_oauthlib_sends_a_special_secret_in_the_body(service: Service) -> None:
    """`client_secret_post`: a secret with special characters arrives unchanged."""
    oauthlib, session = library("oauthlib.oauth2"), library("requests_oauthlib")
    http = session.OAuth2Session(client=oauthlib.LegacyApplicationClient(BODY_PROGRAM))
    token = http.fetch_token(
        service.token_url, **ALICE, client_secret=ODD_SECRET, include_client_id=True, auth=False
    )
    assert token["scope"] == ["profile", "grades"]


def test_requests_oauthlib_uses_client_credentials(service: Service) -> None:
    """BackendApplicationClient uses the client credentials grant."""
    oauthlib, session = library("oauthlib.oauth2"), library("requests_oauthlib")
    http = session.OAuth2Session(client=oauthlib.BackendApplicationClient(PROGRAM))
    token = http.fetch_token(service.token_url, client_secret=PLAIN_SECRET)
    assert "refresh_token" not in token


def test_requests_oauthlib_reports_a_wrong_password(service: Service) -> None:
    """`invalid_grant` becomes the library's own error."""
    oauthlib, session = library("oauthlib.oauth2"), library("requests_oauthlib")
    http = session.OAuth2Session(client=oauthlib.LegacyApplicationClient(PROGRAM))
    with pytest.raises(oauthlib.InvalidGrantError, match="password is wrong"):
        http.fetch_token(service.token_url, username="bob", password="no", auth=(PROGRAM, PLAIN_SECRET))


def test_authlib_logs_in_refreshes_introspects_and_revokes(service: Service) -> None:
    """Authlib's session on requests runs through a token's whole life."""
    session = library("authlib.integrations.requests_client")
    with session.OAuth2Session(PROGRAM, PLAIN_SECRET, token_endpoint=service.token_url) as http:
        http.fetch_token(service.token_url, **ALICE)
        http.refresh_token(service.token_url)
        token = http.token["access_token"]
        assert http.introspect_token(service.introspection_url, token=token).json()["active"] is True
        assert http.revoke_token(f"{service.url}/oauth/revoke", token=token).status_code == 200
        assert http.introspect_token(service.introspection_url, token=token).json() == {"active": False}


@pytest.mark.filterwarnings("ignore:The httpx module is deprecated")  # Authlib recommends httpx2
def test_authlib_on_httpx_refreshes_automatically(service: Service, tls: ssl.SSLContext) -> None:
    """Authlib's session on httpx uses the refresh token when the access token has expired."""
    session = library("authlib.integrations.httpx_client")
    saved = []
    with session.OAuth2Client(
        PROGRAM,
        PLAIN_SECRET,
        token_endpoint=service.token_url,
        update_token=lambda token, **_: saved.append(token["access_token"]),
        verify=tls,
    ) as http:
        http.fetch_token(service.token_url, **ALICE)
        http.token["expires_at"] = 1
        assert http.get(f"{service.url}/api/me").json()["net_id"] == "alice"
        assert saved == [http.token["access_token"]]


def test_authlib_uses_client_credentials(service: Service) -> None:
    """Authlib requests a scope with the client credentials grant."""
    session = library("authlib.integrations.requests_client")
    with session.OAuth2Session(PROGRAM, PLAIN_SECRET, scope="grades") as http:
        token = http.fetch_token(service.token_url, grant_type="client_credentials")
        assert (token["scope"], token["token_type"]) == ("grades", "Bearer")


def test_authlib_sends_a_special_secret_in_the_body(service: Service) -> None:
    """Authlib's `client_secret_post` works with special characters."""
    session = library("authlib.integrations.requests_client")
    with session.OAuth2Session(
        BODY_PROGRAM, ODD_SECRET, token_endpoint_auth_method="client_secret_post"
    ) as http:
        assert http.fetch_token(service.token_url, **ALICE)["scope"] == "profile grades"


def test_authlib_sends_a_special_secret_unencoded_in_the_header(service: Service) -> None:
    """Authlib's `client_secret_basic` encodes nothing, like curl, contrary to RFC 6749, 2.3.1."""
    session = library("authlib.integrations.requests_client")
    with session.OAuth2Session(ODD_PROGRAM, ODD_SECRET) as http:
        assert http.fetch_token(service.token_url, **ALICE)["scope"] == "profile grades"


def test_httpx_auth_logs_in_automatically(service: Service, tls: ssl.SSLContext) -> None:
    """OAuth2ResourceOwnerPasswordCredentials fetches a token at the first request."""
    auth, httpx = library("httpx_auth"), library("httpx")
    auth.OAuth2.token_cache.clear()
    with httpx.Client(verify=tls) as inner, httpx.Client(verify=tls) as http:
        login = auth.OAuth2ResourceOwnerPasswordCredentials(
            service.token_url, **ALICE, client=inner, client_auth=(PROGRAM, PLAIN_SECRET)
        )
        assert http.get(f"{service.url}/api/me", auth=login).json()["net_id"] == "alice"


def test_httpx_auth_refreshes_automatically(service: Service, tls: ssl.SSLContext) -> None:
    """An expired token is replaced by its refresh token. The password is not sent again."""
    auth, httpx = library("httpx_auth"), library("httpx")
    auth.OAuth2.token_cache.clear()
    bodies: list[bytes] = []
    hooks = {"request": [lambda request: bodies.append(request.content)]}
    with httpx.Client(verify=tls, event_hooks=hooks) as inner, httpx.Client(verify=tls) as http:
        login = auth.OAuth2ResourceOwnerPasswordCredentials(
            service.token_url, **ALICE, client=inner, client_auth=(PROGRAM, PLAIN_SECRET), early_expiry=7200
        )
        for _ in range(2):
            assert http.get(f"{service.url}/api/me", auth=login).status_code == 200
    assert [body.split(b"&")[0] for body in bodies] == [b"grant_type=password", b"grant_type=refresh_token"]


def test_httpx_auth_uses_client_credentials(service: Service, tls: ssl.SSLContext) -> None:
    """OAuth2ClientCredentials sends its secret in the header."""
    auth, httpx = library("httpx_auth"), library("httpx")
    auth.OAuth2.token_cache.clear()
    with httpx.Client(verify=tls) as inner, httpx.Client(verify=tls) as http:
        login = auth.OAuth2ClientCredentials(
            service.token_url, client_id=PROGRAM, client_secret=PLAIN_SECRET, client=inner, scope="grades"
        )
        assert http.get(f"{service.url}/api/me", auth=login).status_code == 200
