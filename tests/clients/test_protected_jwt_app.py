"""The Flask example for API owners that checks JWTs by signature, with the production server."""

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from unittest.mock import Mock, patch

import pytest
import requests
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from werkzeug.test import TestResponse

from examples.protected_app import Signature, create_app
from tests.clients.conftest import AUDIENCE, JWT_PROGRAM, Service
from tests.servers.netid import free_port

pytestmark = pytest.mark.slow

PERSON = {"grant_type": "password", "username": "alice", "password": "alice-password"}


@pytest.fixture
def api(service: Service) -> FlaskClient:
    """The example application, for the audience and the scope `grades`."""
    return create_app(Signature(service.url, AUDIENCE)).test_client()


def jwt_for(service: Service, **form: str) -> str:
    """Return a JWT access token; the default is alice's token for the API."""
    usual = {**PERSON, "resource": AUDIENCE, "scope": "profile grades"}
    return str(service.post("token", JWT_PROGRAM, **{**usual, **form})["access_token"])


def get(api: FlaskClient, token: str) -> TestResponse:
    """Request the protected resource with a token."""
    return api.get("/grades", headers={"Authorization": f"Bearer {token}"})


def keys_of(service: Service) -> KeySet:
    """Return the published keys."""
    document = requests.get(f"{service.url}/.well-known/jwks.json", verify=str(service.ca), timeout=10)
    return KeySet.import_key_set(document.json())


def test_live_token_is_accepted_without_a_request_to_the_server(api: FlaskClient, service: Service) -> None:
    """A JWT for the API with the scope is accepted and names its user; no request to the server is made."""
    token = jwt_for(service)
    answer = get(api, token)
    claims = jwt.decode(token, keys_of(service), algorithms=["ES256"]).claims
    assert (answer.status_code, answer.get_json()) == (200, {"grades_of": claims["sub"]})
    with patch.object(requests, "get", side_effect=AssertionError):
        assert get(api, token).status_code == 200


def test_client_credentials_token_is_accepted(api: FlaskClient, service: Service) -> None:
    """A token without a user names the client (RFC 9068, 2.2)."""
    form = {"grant_type": "client_credentials", "resource": AUDIENCE, "scope": "grades"}
    token = str(service.post("token", JWT_PROGRAM, **form)["access_token"])
    assert get(api, token).get_json() == {"grades_of": JWT_PROGRAM}


def test_revoked_token_stays_valid_until_it_expires(api: FlaskClient, service: Service) -> None:
    """A signature check cannot see a revocation, so such tokens are short-lived (RFC 9068, 4)."""
    token = jwt_for(service)
    service.post("revoke", JWT_PROGRAM, token=token)
    assert service.post("introspect", JWT_PROGRAM, token=token) == {"active": False}
    assert get(api, token).status_code == 200
    claims = jwt.decode(token, keys_of(service), algorithms=["ES256"]).claims
    assert claims["exp"] - claims["iat"] <= 600


def test_token_for_another_audience_is_refused(api: FlaskClient, service: Service) -> None:
    """A token that does not name this API is refused (RFC 9068, 4)."""
    usual = {**PERSON, "scope": "profile grades"}
    answer = get(api, str(service.post("token", JWT_PROGRAM, **usual)["access_token"]))
    assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_token")


def test_token_without_the_scope_is_403(api: FlaskClient, service: Service) -> None:
    """A token for the API without the resource's scope gets 403 and a challenge."""
    answer = get(api, jwt_for(service, scope="profile"))
    assert (answer.status_code, answer.get_json()["error"]) == (403, "insufficient_scope")
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope"'


def test_id_token_is_refused(service: Service) -> None:
    """An ID token is no access token, even if the API has the client's own name (RFC 9068, 2.1)."""
    own = create_app(Signature(service.url, JWT_PROGRAM)).test_client()
    token = service.post("token", JWT_PROGRAM, **PERSON, scope="openid grades")["id_token"]
    assert get(own, str(token)).status_code == 401


def part(value: object) -> str:
    """Encode a part of a JWT."""
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def forgeries(token: str) -> dict[str, str]:
    """Return forged tokens with the claims of a real token."""
    head, body, signature = token.split(".")
    header, claims = (json.loads(urlsafe_b64decode(each + "==")) for each in (head, body))
    key = ECKey.generate_key("P-256")
    own_key = {"typ": "at+jwt", "alg": "ES256", "jwk": key.as_dict(private=False)}
    return {
        "alg none": f"{part({**header, 'alg': 'none'})}.{body}.",
        "other claims": f"{head}.{part({**claims, 'sub': 'somebody'})}.{signature}",
        "key in the header": jwt.encode(own_key, claims, key, algorithms=["ES256"]),
        "our kid": jwt.encode(header, claims, key, algorithms=["ES256"]),
        "no JWT": "junk",
        "no signature": f"{head}.{body}",
        "too long": f"{head}.{'A' * 20_000}.{signature}",
        "refresh token": "nidr_" + "A" * 56,
    }


@pytest.mark.parametrize("forgery", forgeries(f"{part({'alg': 'ES256'})}.{part({})}.AAAA"))
def test_forged_token_is_refused(api: FlaskClient, service: Service, forgery: str) -> None:
    """Only tokens that a published key signed are accepted (RFC 8725)."""
    answer = get(api, forgeries(jwt_for(service))[forgery])
    assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_token")


@pytest.mark.parametrize(("seconds", "status"), [(-50, 200), (50, 200), (-90, 401), (90, 401)])
def test_clocks_may_differ_by_a_minute(
    api: FlaskClient, service: Service, monkeypatch: pytest.MonkeyPatch, seconds: int, status: int
) -> None:
    """A token is accepted from a minute before its issue until a minute after its expiry."""
    token = jwt_for(service)
    claims = jwt.decode(token, keys_of(service), algorithms=["ES256"]).claims
    now = time.time
    ahead = seconds + (claims["exp"] - claims["iat"] if seconds > 0 else 0)
    monkeypatch.setattr(time, "time", lambda: now() + ahead)
    assert get(api, token).status_code == status


def test_server_that_is_down_is_503(service: Service) -> None:
    """If the keys cannot be read, a good token is not refused as invalid."""
    lost = create_app(Signature(f"http://127.0.0.1:{free_port()}", AUDIENCE)).test_client()
    answer = get(lost, jwt_for(service))
    assert (answer.status_code, answer.get_json()["error"]) == (503, "temporarily_unavailable")


def test_unknown_key_makes_the_api_read_the_keys_again(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token with an unknown key id causes a new read of the keys, but at most once a minute."""
    api = create_app(Signature(service.url, AUDIENCE)).test_client()
    token = jwt_for(service)
    old_keys = KeySet([ECKey.generate_key("P-256", {"kid": "old"})]).as_dict(private=False)
    with patch.object(requests, "get", return_value=Mock(json=lambda: old_keys)) as read:
        assert get(api, token).status_code == 401
        assert read.call_count == 1
    assert get(api, token).status_code == 401
    now = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: now() + 61)
    assert get(api, token).status_code == 200


def test_example_is_configured_by_the_environment(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/recipes/flask.md starts the example this way."""
    monkeypatch.setenv("ISSUER", service.url)
    monkeypatch.setenv("API_AUDIENCE", AUDIENCE)
    assert get(create_app().test_client(), jwt_for(service)).status_code == 200
