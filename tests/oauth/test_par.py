"""Pushed authorization requests (RFC 9126): checked at once, used once, for a minute."""

import pytest
from werkzeug.test import TestResponse

from oauth import AuthorizationRequest
from tests.conftest import Registered, Site
from tests.faults import rows
from tests.oauth.answers import INVALID_CLIENT, INVALID_REQUEST, status_and_error
from tests.oauth.authorizing import REDIRECT_URI, parameters_of, read, refused_on_a_page, register, told


@pytest.fixture
def client(faked: Site) -> Registered:
    """A confidential client that signs its users in."""
    return register(faked)


def push(site: Site, client: Registered, **changed: str | None) -> TestResponse:
    """The answer to a pushed request."""
    return site.post("/oauth/par", client, **parameters_of(client, **changed))


def pushed(site: Site, client: Registered, **changed: str | None) -> str:
    """The name of a pushed request."""
    answer = push(site, client, **changed)
    assert answer.status_code == 201, answer.text
    name: str = answer.get_json()["request_uri"]
    return name


def use(site: Site, client: Registered, name: str, **beside: str) -> AuthorizationRequest:
    """What the authorization endpoint reads of a pushed request."""
    return read(site, {"client_id": client.client_id, "request_uri": name, **beside})


def test_pushed_request_is_read(faked: Site, client: Registered) -> None:
    """The browser brings the name, and the endpoint reads what the client pushed (RFC 9126, 4)."""
    answer = push(faked, client, nonce="n")
    assert (answer.status_code, answer.get_json()["expires_in"]) == (201, 60)
    assert answer.headers["Cache-Control"] == "no-store"
    request = use(faked, client, answer.get_json()["request_uri"])
    assert (request.redirect_uri, request.state, request.nonce) == (REDIRECT_URI, "a state", "n")


def test_parameters_beside_the_name_are_ignored(faked: Site, client: Registered) -> None:
    """What the browser adds changes nothing (RFC 9101, 5)."""
    request = use(faked, client, pushed(faked, client), scope="email", state="other", prompt="none")
    assert (request.scope, request.state, request.prompt) == ("openid profile", "a state", frozenset())


def test_name_is_used_once(faked: Site, client: Registered) -> None:
    """A second use is refused on a page (RFC 9126, 7.3)."""
    name = pushed(faked, client)
    use(faked, client, name)
    again = {"client_id": client.client_id, "request_uri": name, "redirect_uri": REDIRECT_URI}
    assert refused_on_a_page(faked, again).error == "invalid_request_uri"


def test_name_lives_a_minute(faked: Site, client: Registered) -> None:
    """The client pushes right before it sends the browser (RFC 9126, 2.2)."""
    name = pushed(faked, client)
    faked.clock.now += 60
    refused_on_a_page(faked, {"client_id": client.client_id, "request_uri": name})


def test_name_of_another_client_is_refused_and_kept(faked: Site, client: Registered) -> None:
    """Another client cannot use the name, nor use it up."""
    name, other = pushed(faked, client), register(faked)
    refused_on_a_page(faked, {"client_id": other.client_id, "request_uri": name})
    refused_on_a_page(faked, {"request_uri": name})
    assert use(faked, client, name).scope == "openid profile"


def test_name_is_stored_as_a_digest(faked: Site, client: Registered) -> None:
    """Whoever reads the database can begin no sign-in."""
    name = pushed(faked, client)
    (stored,) = rows(faked, "authorization_request")
    assert name.rpartition(":")[2] not in str(stored)


def test_client_must_authenticate(faked: Site, client: Registered) -> None:
    """The client authenticates as at the token endpoint (RFC 9126, 2)."""
    answer = faked.http.post("/oauth/par", data=parameters_of(client))
    assert status_and_error(answer) == INVALID_CLIENT


def test_public_client_may_push(faked: Site) -> None:
    """A client without a secret names itself."""
    app = register(faked, "--public")
    assert use(faked, app, pushed(faked, app)).client.client_id == app.client_id


def test_client_cannot_push_for_another(faked: Site, client: Registered) -> None:
    """The client_id is that of the client that authenticates."""
    assert status_and_error(push(faked, client, client_id="other")) == INVALID_REQUEST


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"redirect_uri": "https://evil.example/"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "admin"}, "invalid_scope"),
        ({"code_challenge": None}, "invalid_request"),
        ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, "invalid_request"),
        ({"request": "e30.e30."}, "request_not_supported"),
        ({"resource": "https://api.example"}, "invalid_target"),
        ({"state": "s" * 4097}, "invalid_request"),
    ],
)
def test_wrong_request_is_not_stored(
    faked: Site, client: Registered, changed: dict[str, str | None], error: str
) -> None:
    """The client learns of a mistake at once (RFC 9126, 2.3)."""
    assert status_and_error(push(faked, client, **changed)) == (400, error)
    assert rows(faked, "authorization_request") == []


def test_client_may_be_bound_to_push(faked: Site) -> None:
    """Such a client's requests come pushed only (RFC 9126, 6)."""
    client = register(faked, "--require-par")
    answer = told(faked, parameters_of(client))
    assert answer["error_description"] == "This client must push its authorization requests."
    assert use(faked, client, pushed(faked, client)).scope == "openid profile"


def test_endpoint_is_named_in_the_metadata(faked: Site) -> None:
    """Libraries find it there (RFC 9126, 5)."""
    document = faked.http.get("/.well-known/openid-configuration").get_json()
    assert document["pushed_authorization_request_endpoint"] == "https://localhost:8443/oauth/par"
