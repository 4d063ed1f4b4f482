"""The recipes for APIs, each in its own program: which requests pass, and what the others get."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.clients.apis import STARTERS, Registration, spring, started_api
from tests.clients.conftest import API, AUDIENCE, JWT_PROGRAM, PROGRAM, QUIET_PROGRAM, Service
from tests.servers.silent_proxy import SilentProxy

pytestmark = [pytest.mark.server, pytest.mark.slow]

ALICE = {"grant_type": "password", "username": "alice", "password": "alice-password"}
# The page says 5 seconds; the rest is for a busy machine.
PATIENCE_SECONDS = 10
# Spring takes ten seconds to start. In `make test` it starts only for `api` and for an outage.
FEWER_STARTS = [pytest.param(name, marks=[pytest.mark.exhaustive] * (name == "spring")) for name in STARTERS]


@pytest.fixture(scope="module", params=STARTERS)
def api(request: pytest.FixtureRequest, shared: Service) -> Iterator[str]:
    """The URL of an API, registered for the scope `grades` and without an audience."""
    with started_api(request.param, shared, Registration()) as url:
        yield url


@pytest.fixture(scope="module", params=FEWER_STARTS)
def own_api(request: pytest.FixtureRequest, shared: Service) -> Iterator[str]:
    """The URL of an API that introspects with the credentials of a program: it sees all of its tokens."""
    with started_api(request.param, shared, Registration(JWT_PROGRAM, AUDIENCE)) as url:
        yield url


def get(url: str, token: str | None) -> requests.Response:
    """Send a request with a token, and with a forged X-Net-Id header."""
    bearer = {} if token is None else {"Authorization": f"Bearer {token}"}
    return requests.get(url, headers={"X-Net-Id": "mallory", **bearer}, timeout=60)


def user(answer: requests.Response) -> str:
    """Return the user whom the API names, in its answer or in a header."""
    return str(answer.headers.get("X-Net-Id") or answer.json()["grades_of"])


def test_api_accepts_a_live_token_until_its_revocation(api: str, service: Service) -> None:
    """A live token opens the API and names its user; a revoked token opens nothing."""
    token = service.token()
    answer = get(api, token)
    assert (answer.status_code, user(answer)) == (200, "alice")
    service.post("revoke", PROGRAM, token=token)
    answer = get(api, token)
    assert (answer.status_code, 'error="invalid_token"' in answer.headers["WWW-Authenticate"]) == (401, True)


def test_api_takes_no_program_for_a_user_without_a_net_id(
    api: str, service: Service, request: pytest.FixtureRequest
) -> None:
    """If the Net ID is not released, the user is the `sub` or nobody, and never the program."""
    token = str(service.post("token", QUIET_PROGRAM, **ALICE)["access_token"])
    about = service.post("introspect", API, token=token)
    assert ("username" in about, about["client_id"]) == (False, QUIET_PROGRAM)
    answer = get(api, token)
    if "apache" in request.node.name:
        assert answer.status_code == 401
    elif "nginx" in request.node.name:
        assert (answer.status_code, answer.headers.get("X-Net-Id")) == (200, None)
    else:
        assert (answer.status_code, user(answer)) == (200, about["sub"])


def test_api_challenges_a_request_without_a_token(api: str, request: pytest.FixtureRequest) -> None:
    """A request without a token gets 401 and a challenge without an error code (RFC 6750, 3.1)."""
    answer = get(api, None)
    challenge = answer.headers["WWW-Authenticate"]
    assert (answer.status_code, challenge[:6]) == (401, "Bearer")
    # mod_auth_openidc always sends an error code, as its page says.
    assert ("error" in challenge) == ("apache" in request.node.name)


def test_api_refuses_an_invented_token(api: str) -> None:
    """A token that the server never issued gets 401."""
    assert get(api, "nida_made-up").status_code == 401


def test_api_refuses_a_live_token_without_its_scope(
    api: str, service: Service, request: pytest.FixtureRequest
) -> None:
    """A live token without the API's scope gets 403 `insufficient_scope` (RFC 6750, 3.1)."""
    answer = get(api, service.token("profile"))
    # mod_auth_openidc wants a user, whom the server shows to APIs of the token's scopes only.
    error, status = ("invalid_token", 401) if "apache" in request.node.name else ("insufficient_scope", 403)
    assert (answer.status_code, f'error="{error}"' in answer.headers["WWW-Authenticate"]) == (status, True)


def test_api_refuses_a_token_of_its_own_program_without_its_scope(own_api: str, service: Service) -> None:
    """Where the API sees the token's user, a missing scope is 403 in every program (RFC 6750, 3.1)."""
    form = {**ALICE, "scope": "profile", "resource": AUDIENCE}
    token = str(service.post("token", JWT_PROGRAM, **form)["access_token"])
    answer = get(own_api, token)
    challenge = answer.headers["WWW-Authenticate"]
    assert (answer.status_code, 'error="insufficient_scope"' in challenge) == (403, True)


@pytest.mark.parametrize(("resource", "status"), [(AUDIENCE, 200), ("", 200)])
def test_api_accepts_its_own_audience_and_the_issuer(
    own_api: str, service: Service, resource: str, status: int
) -> None:
    """A token that names this API, or that names no API, is accepted."""
    form = {**ALICE, "scope": "profile grades", "resource": resource}
    token = str(service.post("token", JWT_PROGRAM, **form)["access_token"])
    assert get(own_api, token).status_code == status


@pytest.mark.parametrize("name", FEWER_STARTS)
def test_api_refuses_a_token_for_another_audience(name: str, service: Service) -> None:
    """A token for other APIs is refused, even if the server calls it active (RFC 7662, 4)."""
    # A client may introspect its own tokens for every audience.
    form = {**ALICE, "scope": "profile grades", "resource": AUDIENCE}
    token = str(service.post("token", JWT_PROGRAM, **form)["access_token"])
    # Apache cannot tell a foreign audience from a missing scope.
    refused = 403 if name == "apache" else 401
    with started_api(name, service, Registration(JWT_PROGRAM, "https://loans.example")) as url:
        assert get(url, token).status_code == refused


@pytest.mark.parametrize("name", STARTERS)
def test_api_answers_503_in_seconds_while_the_server_is_away(name: str, service: Service) -> None:
    """While the server hangs or is down, no token is called invalid, and no request waits for long."""
    # mod_auth_openidc reports every failure as an invalid token, as its page says.
    outage = (401, None) if name == "apache" else (503, "5")
    token = service.token()
    with SilentProxy(int(service.url.rpartition(":")[2])) as proxy:
        behind = Service(f"https://localhost:{proxy.port}", service.ca)
        with started_api(name, behind, Registration()) as url:
            proxy.is_silent = True
            begun = time.monotonic()
            answer = get(url, token)
            assert time.monotonic() - begun < PATIENCE_SECONDS
            assert (answer.status_code, answer.headers.get("Retry-After")) == outage
            proxy.close()
            answer = get(url, token)
            assert (answer.status_code, answer.headers.get("Retry-After")) == outage


@pytest.fixture(scope="module")
def signature_api(shared: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API in Spring that checks signatures."""
    with spring(tmp_path_factory.mktemp("spring"), shared, Registration(API, AUDIENCE), "signature") as url:
        yield url


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"scope": "grades", "resource": AUDIENCE}, 200),
        ({"scope": "profile", "resource": AUDIENCE}, 403),
        ({"scope": "grades"}, 401),
    ],
)
def test_spring_checks_access_tokens_by_signature(
    signature_api: str, service: Service, form: dict[str, str], status: int
) -> None:
    """Spring accepts a JWT for the API with the scope, of the type `at+jwt` (RFC 9068, 4)."""
    token = str(service.post("token", JWT_PROGRAM, **ALICE, **form)["access_token"])
    assert get(signature_api, token).status_code == status


@pytest.mark.exhaustive
def test_spring_refuses_an_id_token_as_an_access_token(service: Service, tmp_path: Path) -> None:
    """An ID token is no access token, even if the API has the client's own name (RFC 9068, 2.1)."""
    token = str(service.post("token", JWT_PROGRAM, **ALICE, scope="openid grades")["id_token"])
    with spring(tmp_path, service, Registration(API, JWT_PROGRAM), "signature") as url:
        assert get(url, token).status_code == 401
