"""The Flask example for owners of APIs, over the production server."""

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
    """The example, registered for the scope `grades`."""
    return create_app(Introspection(service.introspection_url, API, PLAIN_SECRET)).test_client()


def get(api: FlaskClient, token: str) -> TestResponse:
    """The protected resource, with a token."""
    return api.get("/grades", headers={"Authorization": f"Bearer {token}"})


def test_a_live_token_opens_it(api: FlaskClient, service: Service) -> None:
    """A live token with the scope is let in, and says for whom."""
    answer = get(api, service.token())
    assert (answer.status_code, answer.get_json()) == (200, {"grades_of": "alice"})


def test_a_program_s_own_token_opens_it(api: FlaskClient, service: Service) -> None:
    """A token with nobody behind it names the program (RFC 6749, 4.4)."""
    token = str(service.post("token", PROGRAM, grant_type="client_credentials")["access_token"])
    assert get(api, token).get_json() == {"grades_of": PROGRAM}


def test_a_revoked_token_is_refused_at_once(api: FlaskClient, service: Service) -> None:
    """Nothing is remembered: a token that opened it is 401 the moment after its revocation."""
    token = service.token()
    assert get(api, token).status_code == 200
    service.post("revoke", PROGRAM, token=token)
    answer = get(api, token)
    assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_token")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_a_refresh_token_is_refused(api: FlaskClient, service: Service) -> None:
    """A refresh token opens no API."""
    form = {"grant_type": "password", "username": "alice", "password": "alice-password"}
    assert get(api, str(service.post("token", PROGRAM, **form)["refresh_token"])).status_code == 401


def test_without_a_token_it_is_401(api: FlaskClient) -> None:
    """A request without a token is challenged."""
    answer = api.get("/grades")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].lower().startswith("bearer ")


def test_a_token_without_the_scope_is_403(service: Service) -> None:
    """A token that the API may see, but without the scope of this resource, is 403 with a challenge."""
    own = create_app(Introspection(service.introspection_url, PROGRAM, PLAIN_SECRET)).test_client()
    answer = get(own, service.token("profile"))
    assert (answer.status_code, answer.get_json()["error"]) == (403, "insufficient_scope")
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope"'


@pytest.mark.parametrize(("who", "scope"), [(API, "profile"), (FOREIGN_API, "profile grades")])
def test_a_token_of_foreign_scopes_is_inactive(service: Service, who: str, scope: str) -> None:
    """A token without any scope that the API serves is 401: it is told nothing of it."""
    foreign = create_app(Introspection(service.introspection_url, who, PLAIN_SECRET)).test_client()
    assert get(foreign, service.token(scope)).status_code == 401


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
def test_the_example_checks_the_audience(
    service: Service, resource: str, audience: str | None, status: int
) -> None:
    """A token that names other APIs is refused, even if the server calls it active (RFC 7662, 4)."""
    # A client may introspect its own tokens, whatever they are for: the server says `active`.
    check = Introspection(service.introspection_url, JWT_PROGRAM, PLAIN_SECRET, audience)
    form = {"grant_type": "password", "username": "alice", "password": "alice-password"}
    token = service.post("token", JWT_PROGRAM, **form, scope="profile grades", resource=resource)
    assert get(create_app(check).test_client(), str(token["access_token"])).status_code == status


@pytest.mark.parametrize("told", [{}, {"aud": None}, {"aud": []}, {"aud": None, "iss": None}])
def test_an_answer_without_an_audience_opens_nothing(told: dict[str, object]) -> None:
    """An answer that does not say whom the token is for lets nobody in."""
    check = Introspection("https://netid.example/oauth/introspect", API, PLAIN_SECRET)
    with pytest.raises(InvalidTokenError):
        check.validate_token({"active": True, "scope": "grades", **told}, ["grades"], None)


def test_a_token_for_another_api_is_inactive(service: Service) -> None:
    """The server tells an API nothing of a token for another, though they share the scope (RFC 7662, 4)."""
    form = {"grant_type": "client_credentials", "scope": "grades", "resource": AUDIENCE}
    token = str(service.post("token", JWT_PROGRAM, **form)["access_token"])
    assert service.post("introspect", API, token=token) == {"active": False}


def test_a_server_that_is_down_is_503(service: Service) -> None:
    """Where nobody answers, a good token is not called wrong."""
    lost = create_app(
        Introspection(f"http://127.0.0.1:{free_port()}/oauth/introspect", API, PLAIN_SECRET)
    ).test_client()
    answer = get(lost, service.token())
    assert (answer.status_code, answer.get_json()["error"]) == (503, "temporarily_unavailable")


def test_the_api_s_own_wrong_secret_is_503(service: Service) -> None:
    """An API whose own credentials are refused cannot say either, and blames no token."""
    wrong = create_app(Introspection(service.introspection_url, API, "wrong")).test_client()
    assert get(wrong, service.token()).status_code == 503


def test_another_page_is_no_answer(service: Service) -> None:
    """A page that answers 200 without `active`, such as a maintenance page, is an outage."""
    page = create_app(
        Introspection(f"{service.url}/.well-known/oauth-authorization-server", API, PLAIN_SECRET)
    ).test_client()
    assert get(page, service.token()).status_code == 503


def test_it_is_made_from_the_environment(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the example's first lines run it."""
    monkeypatch.setenv("INTROSPECTION_URL", service.introspection_url)
    monkeypatch.setenv("API_CLIENT_ID", API)
    monkeypatch.setenv("API_CLIENT_SECRET", PLAIN_SECRET)
    assert get(create_app().test_client(), service.token()).status_code == 200
