"""Codes (RFC 6749, 4.1.2 to 4.1.4): one use, a minute, and bound to client and redirect URI."""

import pytest
from werkzeug.test import TestResponse

from tests.conftest import NOON, Registered, Site
from tests.fakes import ALICE
from tests.faults import rows, without_table
from tests.oauth.answers import (
    INVALID_GRANT,
    INVALID_REQUEST,
    INVALID_TARGET,
    OK,
    UNAUTHORIZED_CLIENT,
    UNAVAILABLE,
    status_and_error,
)
from tests.oauth.authorizing import REDIRECT_URI, allowed, exchange, parameters_of, register

OTHER_URI = "https://app.example/other"


@pytest.fixture
def client(faked: Site) -> Registered:
    """A confidential client that signs its users in."""
    return register(faked)


def events(site: Site) -> list[str]:
    """The names of the audit's events, in their order."""
    return [str(each["event"]) for each in rows(site, "audit_event")]


def aud_of(site: Site, client: Registered, answer: TestResponse) -> object:
    """The audience that introspection reports for the token of an answer."""
    assert status_and_error(answer) == OK
    members = site.post("/oauth/introspect", client, token=answer.get_json()["access_token"]).get_json()
    assert members["active"]
    return members["aud"]


def test_code_gives_a_token(faked: Site, client: Registered) -> None:
    """The code of an approval is worth a token for the approved scope (RFC 6749, 4.1.4)."""
    code = allowed(faked, parameters_of(client))
    answer = exchange(faked, client, code)
    assert status_and_error(answer) == OK
    body = answer.get_json()
    assert (body["scope"], body["token_type"]) == ("openid profile", "Bearer")
    assert faked.get("/oauth/userinfo", body["access_token"]).get_json()["sub"] == ALICE.id
    assert events(faked) == ["code.issued", "token.issued"]


def test_public_client_exchanges_its_code(faked: Site) -> None:
    """An app without a secret is known by its id and the verifier (RFC 8252, 6)."""
    app = register(faked, "--public")
    assert status_and_error(exchange(faked, app, allowed(faked, parameters_of(app)))) == OK


def test_grant_knows_how_its_user_signed_in(faked: Site, client: Registered) -> None:
    """The grant has the moment and the method of the sign-in, not those of the exchange."""
    exchange(faked, client, allowed(faked, parameters_of(client)))
    (grant,) = rows(faked, "grant")
    assert (grant["auth_time"], grant["origin"]) == (NOON - 5, "authorization_code")


def test_code_is_stored_as_a_digest(faked: Site, client: Registered) -> None:
    """Whoever reads the database can use no code."""
    code = allowed(faked, parameters_of(client))
    (stored,) = rows(faked, "authorization_code")
    assert code not in str(stored)
    assert code not in faked.log.getvalue()
    assert len(code) == 43


def test_second_use_ends_what_the_first_gave(faked: Site, client: Registered) -> None:
    """A code that comes twice was stolen by one of the two (RFC 6749, 4.1.2)."""
    code = allowed(faked, parameters_of(client))
    token = exchange(faked, client, code).get_json()["access_token"]
    assert faked.get("/oauth/userinfo", token).status_code == 200
    assert status_and_error(exchange(faked, client, code)) == INVALID_GRANT
    assert faked.get("/oauth/userinfo", token).status_code == 401
    assert events(faked) == ["code.issued", "token.issued", "code.reused"]


def test_late_second_use_ends_what_the_first_gave(faked: Site, client: Registered) -> None:
    """A code that has expired still tells of its theft."""
    code = allowed(faked, parameters_of(client))
    token = exchange(faked, client, code).get_json()["access_token"]
    faked.clock.now += 600
    assert status_and_error(exchange(faked, client, code)) == INVALID_GRANT
    assert faked.get("/oauth/userinfo", token).status_code == 401


def test_third_use_is_refused_as_the_second(faked: Site, client: Registered) -> None:
    """A grant that has ended ends once."""
    code = allowed(faked, parameters_of(client))
    for _ in range(3):
        answer = exchange(faked, client, code)
    assert status_and_error(answer) == INVALID_GRANT
    assert events(faked).count("code.reused") == 1


def test_second_use_ends_the_refresh_token_too(faked: Site) -> None:
    """The whole grant ends."""
    client = register(faked, "--grant", "refresh_token")
    sent = parameters_of(client, scope="profile")
    code = allowed(faked, sent, scope="profile")
    refresh = exchange(faked, client, code).get_json()["refresh_token"]
    exchange(faked, client, code)
    assert status_and_error(faked.refresh(client, refresh)) == INVALID_GRANT


@pytest.mark.parametrize(("seconds", "expected"), [(59, OK), (60, INVALID_GRANT)])
def test_code_lives_a_minute(
    faked: Site, client: Registered, seconds: int, expected: tuple[int, str | None]
) -> None:
    """A code only travels through the browser (RFC 6749, 4.1.2)."""
    code = allowed(faked, parameters_of(client))
    faked.clock.now += seconds
    assert status_and_error(exchange(faked, client, code)) == expected


def test_code_of_another_client_is_refused(faked: Site, client: Registered) -> None:
    """A code is bound to its client (RFC 6749, 4.1.3), which may still use it."""
    code = allowed(faked, parameters_of(client))
    thief = register(faked)
    assert status_and_error(exchange(faked, thief, code)) == INVALID_GRANT
    assert status_and_error(exchange(faked, client, code)) == OK


@pytest.mark.parametrize("sent", [None, OTHER_URI, REDIRECT_URI + "/", ""])
def test_code_is_bound_to_its_redirect_uri(faked: Site, sent: str | None) -> None:
    """The token request repeats the redirect URI, even where another is registered too (4.1.3)."""
    client = register(faked, "--redirect-uri", OTHER_URI)
    code = allowed(faked, parameters_of(client))
    assert status_and_error(exchange(faked, client, code, redirect_uri=sent)) == INVALID_GRANT


@pytest.mark.parametrize(("sent", "expected"), [(None, OK), (REDIRECT_URI, OK), (OTHER_URI, INVALID_GRANT)])
def test_omitted_redirect_uri_need_not_be_repeated(
    faked: Site, client: Registered, sent: str | None, expected: tuple[int, str | None]
) -> None:
    """If the authorization request named none, the answer went to the only registered one (4.1.3)."""
    code = allowed(faked, parameters_of(client, redirect_uri=None, scope="profile"), scope="profile")
    assert status_and_error(exchange(faked, client, code, redirect_uri=sent)) == expected


@pytest.mark.parametrize("code", ["", "x", "x" * 43, "é" * 43, "x" * 44])
def test_unknown_code_is_refused(faked: Site, client: Registered, code: str) -> None:
    """Junk is no code."""
    expected = INVALID_GRANT if code else INVALID_REQUEST
    assert status_and_error(exchange(faked, client, code)) == expected


def test_code_never_comes_in_the_url(faked: Site, client: Registered) -> None:
    """The token endpoint takes no parameter of the authorization endpoint in its URL either."""
    for name in ("code", "redirect_uri", "code_verifier", "state", "id_token_hint"):
        answer = faked.http.post(f"/oauth/token?{name}=x", data={"grant_type": "authorization_code"})
        assert (
            answer.get_json()["error_description"] == "OAuth parameters belong in the body, never in the URL."
        )


def test_client_without_the_grant_gets_no_token(faked: Site) -> None:
    """A client exchanges codes only if it is registered for that (RFC 6749, 5.2)."""
    other = faked.register("a program")
    assert status_and_error(exchange(faked, other, "x" * 43)) == UNAUTHORIZED_CLIENT


def test_lost_scope_is_left_out(faked: Site, client: Registered) -> None:
    """A scope that the client has lost since the approval is not granted."""
    code = allowed(faked, parameters_of(client))
    faked.run("client", "update", client.client_id, "--scope", "openid")
    assert exchange(faked, client, code).get_json()["scope"] == "openid"


def test_disabled_client_gets_no_token(faked: Site, client: Registered) -> None:
    """A code is worth nothing once its client is disabled."""
    code = allowed(faked, parameters_of(client))
    faked.run("client", "disable", client.client_id, "--yes")
    assert exchange(faked, client, code).status_code == 401


def test_network_of_the_client_is_checked(faked: Site) -> None:
    """A client may exchange codes from its networks only, and the code stays good."""
    client = register(faked, "--network", "192.0.2.0/24")
    code = allowed(faked, parameters_of(client))
    assert status_and_error(exchange(faked, client, code)) == INVALID_GRANT
    faked.run("client", "update", client.client_id, "--network", "127.0.0.0/8")
    assert status_and_error(exchange(faked, client, code)) == OK


@pytest.mark.parametrize(
    ("sent", "expected"),
    [({}, OK), ({"resource": "https://a.example"}, OK), ({"resource": "https://c.example"}, INVALID_TARGET)],
)
def test_token_request_may_narrow_the_audience(
    faked: Site, sent: dict[str, str], expected: tuple[int, str | None]
) -> None:
    """A token is for the approved APIs, or for some of them (RFC 8707, 2.2)."""
    apis = ("https://a.example", "https://b.example", "https://c.example")
    client = register(faked, *(part for api in apis for part in ("--audience", api)))
    code = allowed(faked, parameters_of(client, resource=apis[0]), audience=" ".join(apis[:2]))
    answer = exchange(faked, client, code, **sent)
    assert status_and_error(answer) == expected


@pytest.mark.parametrize("access_token_format", ["opaque", "RS256"])
def test_resource_narrows_the_access_token_but_not_the_grant(faked: Site, access_token_format: str) -> None:
    """A later refresh may name another approved API, or none for all of them (RFC 8707, 2.2, figure 5)."""
    apis = ("https://a.example", "https://b.example")
    options = ("--grant", "refresh_token", "--access-token-format", access_token_format)
    client = register(faked, *options, "--audience", " ".join(apis))
    approved = {"scope": "profile", "password_changed_at": ALICE.password_changed_at}
    code = allowed(faked, parameters_of(client, scope="profile"), audience=" ".join(apis), **approved)
    first = exchange(faked, client, code, resource=apis[0])
    assert aud_of(faked, client, first) == apis[0]
    second = faked.refresh(client, first.get_json()["refresh_token"], resource=apis[1])
    assert aud_of(faked, client, second) == apis[1]
    third = faked.refresh(client, second.get_json()["refresh_token"])
    assert aud_of(faked, client, third) == list(apis)


def test_outage_keeps_the_code(faked: Site, client: Registered) -> None:
    """If the tokens cannot be stored, the code is not used up."""
    code = allowed(faked, parameters_of(client))
    with without_table(faked, "access_token"):
        assert status_and_error(exchange(faked, client, code)) == UNAVAILABLE
    assert status_and_error(exchange(faked, client, code)) == OK
