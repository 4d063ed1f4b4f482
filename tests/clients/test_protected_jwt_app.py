"""The Flask example for owners of APIs, checking JWTs by signature, over the production server."""

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from unittest.mock import patch

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
    """The example, for the audience and the scope `grades`."""
    return create_app(Signature(service.url, AUDIENCE)).test_client()


def jwt_of(service: Service, **form: str) -> str:
    """A JWT access token, of alice for the API unless something else is asked."""
    usual = {**PERSON, "resource": AUDIENCE, "scope": "profile grades"}
    return str(service.post("token", JWT_PROGRAM, **{**usual, **form})["access_token"])


def get(api: FlaskClient, token: str) -> TestResponse:
    """The protected resource, with a token."""
    return api.get("/grades", headers={"Authorization": f"Bearer {token}"})


def keys_of(service: Service) -> KeySet:
    """The published keys."""
    document = requests.get(f"{service.url}/.well-known/jwks.json", verify=str(service.ca), timeout=10)
    return KeySet.import_key_set(document.json())


def test_a_live_token_opens_it(api: FlaskClient, service: Service) -> None:
    """A JWT for the API with the scope is let in, and says for whom; nobody is asked about it."""
    token = jwt_of(service)
    answer = get(api, token)
    claims = jwt.decode(token, keys_of(service), algorithms=["ES256"]).claims
    assert (answer.status_code, answer.get_json()) == (200, {"grades_of": claims["sub"]})
    with patch.object(requests, "get", side_effect=AssertionError):
        assert get(api, token).status_code == 200


def test_a_program_s_own_token_opens_it(api: FlaskClient, service: Service) -> None:
    """A token with nobody behind it names the program (RFC 9068, 2.2)."""
    form = {"grant_type": "client_credentials", "resource": AUDIENCE, "scope": "grades"}
    token = str(service.post("token", JWT_PROGRAM, **form)["access_token"])
    assert get(api, token).get_json() == {"grades_of": JWT_PROGRAM}


def test_a_revoked_token_lives_on_here(api: FlaskClient, service: Service) -> None:
    """What a check by signature cannot see, and why such a token is short (RFC 9068, 4)."""
    token = jwt_of(service)
    service.post("revoke", JWT_PROGRAM, token=token)
    assert service.post("introspect", JWT_PROGRAM, token=token) == {"active": False}
    assert get(api, token).status_code == 200
    claims = jwt.decode(token, keys_of(service), algorithms=["ES256"]).claims
    assert claims["exp"] - claims["iat"] <= 600


def test_a_token_for_another_is_refused(api: FlaskClient, service: Service) -> None:
    """A token that did not name this API is for another (RFC 9068, 4)."""
    usual = {**PERSON, "scope": "profile grades"}
    answer = get(api, str(service.post("token", JWT_PROGRAM, **usual)["access_token"]))
    assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_token")


def test_a_token_without_the_scope_is_403(api: FlaskClient, service: Service) -> None:
    """A token for the API without the scope of the resource is 403 with a challenge."""
    answer = get(api, jwt_of(service, scope="profile"))
    assert (answer.status_code, answer.get_json()["error"]) == (403, "insufficient_scope")
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope"'


def test_an_id_token_is_refused(service: Service) -> None:
    """An ID token is no access token, even for an API with the client's own name (RFC 9068, 2.1)."""
    own = create_app(Signature(service.url, JWT_PROGRAM)).test_client()
    token = service.post("token", JWT_PROGRAM, **PERSON, scope="openid grades")["id_token"]
    assert get(own, str(token)).status_code == 401


def part(value: object) -> str:
    """A part of a JWT."""
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def forgeries(token: str) -> dict[str, str]:
    """Tokens that claim what the real one does."""
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
def test_a_forgery_is_refused(api: FlaskClient, service: Service, forgery: str) -> None:
    """Only what a published key has signed is let in (RFC 8725)."""
    answer = get(api, forgeries(jwt_of(service))[forgery])
    assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_token")


@pytest.mark.parametrize(("seconds", "status"), [(-50, 200), (50, 200), (-90, 401), (90, 401)])
def test_clocks_may_differ_by_a_minute(
    api: FlaskClient, service: Service, monkeypatch: pytest.MonkeyPatch, seconds: int, status: int
) -> None:
    """A token is let in a minute before it was issued and a minute after its end, by the API's clock."""
    token = jwt_of(service)
    claims = jwt.decode(token, keys_of(service), algorithms=["ES256"]).claims
    now = time.time
    ahead = seconds + (claims["exp"] - claims["iat"] if seconds > 0 else 0)
    monkeypatch.setattr(time, "time", lambda: now() + ahead)
    assert get(api, token).status_code == status


def test_a_server_that_is_down_is_503(service: Service) -> None:
    """Where the keys cannot be read, a good token is not called wrong."""
    lost = create_app(Signature(f"http://127.0.0.1:{free_port()}", AUDIENCE)).test_client()
    answer = get(lost, jwt_of(service))
    assert (answer.status_code, answer.get_json()["error"]) == (503, "temporarily_unavailable")


def test_an_unknown_key_is_looked_for(service: Service) -> None:
    """A token of a newer key than ours makes the API read the keys again, though not for every junk."""
    check = Signature(service.url, AUDIENCE)
    api = create_app(check).test_client()
    token = jwt_of(service)
    assert get(api, token).status_code == 200
    check._keys = KeySet([ECKey.generate_key("P-256", {"kid": "old"})])
    assert get(api, token).status_code == 401
    check._read_at -= 61
    assert get(api, token).status_code == 200


def test_it_is_made_from_the_environment(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the example's first lines run it."""
    monkeypatch.setenv("ISSUER", service.url)
    monkeypatch.setenv("API_AUDIENCE", AUDIENCE)
    assert get(create_app().test_client(), jwt_of(service)).status_code == 200
