"""Refreshing JWTs: a replay repeats the lost answer exactly, whatever it requests (RFC 9700, 4.14.2)."""

from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.conftest import Registered, Site
from tests.faults import database_file, rows
from tests.oauth.answers import INVALID_GRANT, OK, status_and_error

GRADES, FILES = "https://grades.example/api", "https://files.example"
OLD, NEW = "first-kept-key-q7Zt2LxV9mPw4RbN8sHc", "other-kept-key-D3yKf6UjX1aGz5TeQo0v"


@pytest.fixture(params=["RS256", "ES256"])
def program(request: pytest.FixtureRequest, faked: Site) -> Registered:
    """A client with JWTs, two scopes and two audiences."""
    options = ("--grant", "refresh_token", "--scope", "profile email", "--audience", f"{GRADES} {FILES}")
    return faked.register("a program", *options, "--access-token-format", request.param)


@pytest.fixture
def token(faked: Site, program: Registered) -> str:
    """A refresh token of a grant with both scopes and both audiences."""
    form = {"grant_type": "password", "username": "alice", "password": "x", "resource": [GRADES, FILES]}
    answer: dict[str, Any] = faked.http.post("/oauth/token", data=form, auth=program.basic).get_json()
    refresh: str = answer["refresh_token"]
    return refresh


def scope_and_audience(site: Site, client: Registered, answer: TestResponse) -> tuple[object, object]:
    """Scope and audience of the answer's access token, by introspection."""
    members = site.post("/oauth/introspect", client, token=answer.get_json()["access_token"]).get_json()
    return members["scope"], members["aud"]


NARROWER = [
    {},
    {"scope": "profile"},
    {"resource": FILES},
    {"scope": "email", "resource": GRADES},
]


@pytest.mark.parametrize("asked", NARROWER, ids=str)
@pytest.mark.parametrize("asked_again", NARROWER, ids=str)
def test_replay_repeats_the_first_answer(
    faked: Site, program: Registered, token: str, asked: dict[str, str], asked_again: dict[str, str]
) -> None:
    """The second request gets the answer to the first one, whatever it requests."""
    first = faked.refresh(program, token, **asked)
    assert status_and_error(first) == OK
    assert scope_and_audience(faked, program, first) == (
        asked.get("scope", "profile email"),
        asked.get("resource", [GRADES, FILES]),
    )
    faked.clock.now += 3
    second = faked.refresh(program, token, **asked_again)
    assert second.get_json() == {**first.get_json(), "expires_in": 597}
    assert len(rows(faked, "access_token")) == 2


def test_narrower_scope_is_for_one_token(faked: Site, program: Registered, token: str) -> None:
    """The next refresh has the whole grant again."""
    second = faked.refresh(program, token, scope="profile", resource=FILES).get_json()["refresh_token"]
    assert scope_and_audience(faked, program, faked.refresh(program, second)) == (
        "profile email",
        [GRADES, FILES],
    )


def test_replay_ends_once_the_next_token_is_used(faked: Site, program: Registered, token: str) -> None:
    """Once the successor was used, a replay is a reuse and ends the whole family."""
    first = faked.refresh(program, token).get_json()
    assert status_and_error(faked.refresh(program, first["refresh_token"])) == OK
    assert status_and_error(faked.refresh(program, token)) == INVALID_GRANT
    assert faked.post("/oauth/introspect", program, token=first["access_token"]).get_json() == {
        "active": False
    }


def test_kept_refresh_token_gets_new_access_tokens(faked: Site) -> None:
    """Each refresh with a kept refresh token gives a new JWT."""
    options = ("--grant", "refresh_token", "--keep-refresh-token", "--access-token-format", "ES256")
    client = faked.register("a program", *options)
    refresh = faked.ask_token(client).get_json()["refresh_token"]
    answers = [faked.refresh(client, refresh).get_json() for _ in range(2)]
    assert [answer["refresh_token"] for answer in answers] == [refresh, refresh]
    assert len({answer["access_token"] for answer in answers}) == 2
    assert all(faked.get("/api/me", answer["access_token"]).status_code == 200 for answer in answers)


def test_token_ends_with_its_grant(make_site: Callable[..., Site]) -> None:
    """A JWT does not outlive its grant."""
    site = make_site(NETID_GRANT_TTL="300")
    client = site.register("a program", "--grant", "refresh_token", "--access-token-format", "ES256")
    refresh = site.ask_token(client).get_json()["refresh_token"]
    site.clock.now += 100
    assert site.refresh(client, refresh).get_json()["expires_in"] == 200


@pytest.mark.parametrize("ring", [OLD, f"{NEW} {OLD}"], ids=["same key", "new key in front"])
def test_another_node_repeats_the_answer(make_site: Callable[..., Site], ring: str) -> None:
    """A replay at another node, or after the server's key was replaced, gets the same JWT."""
    here = make_site(NETID_SECRET_KEY=OLD)
    there = make_site(NETID_SECRET_KEY=ring, NETID_DATABASE_URL=f"sqlite:///{database_file(here)}")
    client = here.register("a program", "--grant", "refresh_token", "--access-token-format", "ES256")
    refresh = here.ask_token(client).get_json()["refresh_token"]
    first = here.refresh(client, refresh).get_json()
    assert there.refresh(client, refresh).get_json() == first


def test_jti_is_no_part_of_another_token(faked: Site, program: Registered, token: str) -> None:
    """The jti of a JWT contains no part of the refresh token."""
    body = faked.refresh(program, token).get_json()
    jti = faked.post("/oauth/introspect", program, token=body["access_token"]).get_json()["jti"]
    assert jti[:20] not in body["refresh_token"]
