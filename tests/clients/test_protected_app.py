"""The Flask example for API owners, with the production server."""

import pytest
from authlib.oauth2.rfc6750 import InvalidTokenError
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from examples.protected_app import Introspection, create_app
from tests.clients.conftest import API, AUDIENCE, FOREIGN_API, JWT_PROGRAM, PLAIN_SECRET, PROGRAM, Service
from tests.servers.netid import free_port

pytestmark = pytest.mark.slow


@pytest.fixture
def api(service: Service) -> FlaskClient:
    """The example application, registered for the scope `grades`."""
    return create_app(Introspection(service.introspection_url, API, PLAIN_SECRET)).test_client()


def get(api: FlaskClient, token: str) -> TestResponse:
    """Request the protected resource with a token."""
    return api.get("/grades", headers={"Authorization": f"Bearer {token}"})


def test_live_token_is_accepted(api: FlaskClient, service: Service) -> None:
    """A live token with the scope is accepted, and names its user."""
    answer = get(api, service.token())
    assert (answer.status_code, answer.get_json()) == (200, {"grades_of": "alice"})


def test_client_credentials_token_is_accepted(api: FlaskClient, service: Service) -> None:
    """A token without a user names the client (RFC 6749, 4.4)."""
    token = str(service.post("token", PROGRAM, grant_type="client_credentials")["access_token"])
    assert get(api, token).get_json() == {"grades_of": PROGRAM}


def test_revoked_token_is_refused_at_once(api: FlaskClient, service: Service) -> None:
    """The example caches nothing: a token gets 401 immediately after its revocation."""
    token = service.token()
    assert get(api, token).status_code == 200
    service.post("revoke", PROGRAM, token=token)
    answer = get(api, token)
    assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_token")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_refresh_token_is_refused(api: FlaskClient, service: Service) -> None:
    """A refresh token opens no API."""
    form = {"grant_type": "password", "username": "alice", "password": "alice-password"}
    assert get(api, str(service.post("token", PROGRAM, **form)["refresh_token"])).status_code == 401


@pytest.mark.parametrize("sent", [None, "Basic YTpi", "Bearer"])
def test_request_without_a_token_is_challenged_without_an_error(api: FlaskClient, sent: str | None) -> None:
    """A request without a Bearer token gets 401 and a challenge without an error code (RFC 6750, 3.1)."""
    answer = api.get("/grades", headers={"Authorization": sent} if sent else {})
    assert (answer.status_code, answer.data) == (401, b"")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'


def test_token_without_the_scope_is_403(service: Service) -> None:
    """A token that the API may inspect, but without the resource's scope, gets 403 and a challenge."""
    own = create_app(Introspection(service.introspection_url, PROGRAM, PLAIN_SECRET)).test_client()
    answer = get(own, service.token("profile"))
    assert (answer.status_code, answer.get_json()["error"]) == (403, "insufficient_scope")
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope"'


@pytest.mark.parametrize("client_id", [API, FOREIGN_API])
def test_token_without_a_scope_of_the_api_is_403(service: Service, client_id: str) -> None:
    """A live token without any scope of the API gets 403, so that programs keep it (RFC 6750, 3.1)."""
    api = create_app(Introspection(service.introspection_url, client_id, PLAIN_SECRET)).test_client()
    assert get(api, service.token("profile")).status_code == 403


@pytest.mark.parametrize(
    ("resource", "audience", "status"),
    [
        ("", None, 200),
        ("", AUDIENCE, 200),
        (AUDIENCE, AUDIENCE, 200),
        (AUDIENCE, None, 401),
        (AUDIENCE, "https://loans.example", 401),
    ],
)
def test_token_for_another_audience_is_refused(
    service: Service, resource: str, audience: str | None, status: int
) -> None:
    """A token for other APIs is refused, even if the server calls it active (RFC 7662, 4)."""
    # A client may introspect its own tokens for every audience: the server answers `active`.
    check = Introspection(service.introspection_url, JWT_PROGRAM, PLAIN_SECRET, audience)
    form = {"grant_type": "password", "username": "alice", "password": "alice-password"}
    token = service.post("token", JWT_PROGRAM, **form, scope="profile grades", resource=resource)
    assert get(create_app(check).test_client(), str(token["access_token"])).status_code == status


@pytest.mark.parametrize("members", [{}, {"aud": None}, {"aud": []}, {"aud": None, "iss": None}])
def test_answer_without_an_audience_is_refused(members: dict[str, object]) -> None:
    """An introspection answer that names no audience is refused."""
    check = Introspection("https://netid.example/oauth/introspect", API, PLAIN_SECRET)
    with pytest.raises(InvalidTokenError):
        check.validate_token({"active": True, "scope": "grades", **members}, ["grades"], None)


def test_token_for_another_api_is_inactive(service: Service) -> None:
    """The server reveals nothing about a token for another API, even with a shared scope (RFC 7662, 4)."""
    form = {"grant_type": "client_credentials", "scope": "grades", "resource": AUDIENCE}
    token = str(service.post("token", JWT_PROGRAM, **form)["access_token"])
    assert service.post("introspect", API, token=token) == {"active": False}


def test_server_that_is_down_is_503(service: Service) -> None:
    """If the server does not answer, a good token is not refused as invalid."""
    lost = create_app(
        Introspection(f"http://127.0.0.1:{free_port()}/oauth/introspect", API, PLAIN_SECRET)
    ).test_client()
    answer = get(lost, service.token())
    assert (answer.status_code, answer.get_json()["error"]) == (503, "temporarily_unavailable")
    assert answer.headers["Retry-After"] == "5"


def test_wrong_secret_of_the_api_is_503(service: Service) -> None:
    """An API with wrong credentials cannot check a token, and does not call it invalid."""
    wrong = create_app(Introspection(service.introspection_url, API, "wrong")).test_client()
    assert get(wrong, service.token()).status_code == 503


def test_page_that_is_no_introspection_answer_is_503(service: Service) -> None:
    """A page that answers 200 without `active`, such as a maintenance page, is an outage."""
    page = create_app(
        Introspection(f"{service.url}/.well-known/oauth-authorization-server", API, PLAIN_SECRET)
    ).test_client()
    assert get(page, service.token()).status_code == 503


def test_example_is_configured_by_the_environment(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/recipes/flask.md starts the example this way."""
    monkeypatch.setenv("INTROSPECTION_URL", service.introspection_url)
    monkeypatch.setenv("API_CLIENT_ID", API)
    monkeypatch.setenv("API_CLIENT_SECRET", PLAIN_SECRET)
    assert get(create_app().test_client(), service.token()).status_code == 200
