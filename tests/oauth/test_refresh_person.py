"""A refresh reads the person again: presence, account state and time of the password."""

from dataclasses import replace

import pytest

from directory import DirectoryUnavailable, InvalidCredentials, Refusal
from tests.conftest import Registered, Site
from tests.fakes import ALICE, FakeDirectory, Outcome
from tests.faults import rows
from tests.oauth.answers import INVALID_GRANT, OK, UNAVAILABLE, status_and_error

CHANGED = ALICE.password_changed_at or 0


@pytest.fixture
def tokens(faked: Site, refreshing: Registered) -> dict[str, str]:
    """The answer to a login."""
    body: dict[str, str] = faked.ask_token(refreshing).get_json()
    return body


def test_person_is_looked_up_by_the_stable_id(
    faked: Site, fake: FakeDirectory, refreshing: Registered, tokens: dict[str, str]
) -> None:
    """One refresh makes one look-up, by the stable id, and tries no password."""
    asked = list(fake.asked)
    assert status_and_error(faked.refresh(refreshing, tokens["refresh_token"])) == OK
    assert (fake.sought, fake.asked) == ([ALICE.id], asked)


def test_refresh_renews_the_claims(
    faked: Site, fake: FakeDirectory, refreshing: Registered, tokens: dict[str, str]
) -> None:
    """After a refresh resources get the directory's current claims, by any token of the grant."""
    fake.outcome = replace(ALICE, name="Alice Carpenter", mail=None)
    body = faked.refresh(refreshing, tokens["refresh_token"]).get_json()
    for token in (tokens["access_token"], body["access_token"]):
        claims = faked.get("/api/me", token).get_json()
        assert claims == {"sub": ALICE.id, "net_id": "alice", "name": "Alice Carpenter"}


@pytest.mark.parametrize("alarm", [False, True])
def test_directory_away_is_503_and_the_token_stays_valid(
    faked: Site,
    fake: FakeDirectory,
    refreshing: Registered,
    tokens: dict[str, str],
    alarm: bool,  # noqa: FBT001
) -> None:
    """An unavailable directory is 503 with Retry-After, and the refresh token stays valid."""
    fake.outcome = DirectoryUnavailable("gone fishing", alarm=alarm)
    answer = faked.refresh(refreshing, tokens["refresh_token"])
    assert status_and_error(answer) == UNAVAILABLE
    assert int(answer.headers["Retry-After"]) > 0
    assert faked.get("/api/me", tokens["access_token"]).status_code == 200
    fake.outcome = ALICE
    assert status_and_error(faked.refresh(refreshing, tokens["refresh_token"])) == OK
    events = ["token.issued", "directory.unavailable", "token.refreshed"]
    assert [row["event"] for row in rows(faked, "audit_event")] == events


@pytest.mark.parametrize(
    "reason",
    [Refusal.UNKNOWN_PERSON, Refusal.LOCKED, Refusal.EXPIRED, Refusal.MUST_CHANGE, Refusal.NOT_NOW],
)
def test_temporary_refusal_does_not_end_the_grant(
    faked: Site, fake: FakeDirectory, refreshing: Registered, tokens: dict[str, str], reason: Refusal
) -> None:
    """A person who is missing, locked or expired gets no token; the family stays valid (RFC 6749, 5.2).

    A half-loaded replica lacks users, and anybody can lock another person's account.
    """
    fake.outcome = InvalidCredentials(reason, "the server's own words")
    answer = faked.refresh(refreshing, tokens["refresh_token"])
    assert status_and_error(answer) == INVALID_GRANT
    assert answer.data == faked.refresh(refreshing, "junk").data
    lines = [line for line in faked.log_lines() if line["event"] == "grant.refused"]
    assert [(line["reason"], line["detail"]) for line in lines] == [(reason.value, "the server's own words")]
    assert faked.get("/api/me", tokens["access_token"]).status_code == 200
    fake.outcome = ALICE
    assert status_and_error(faked.refresh(refreshing, tokens["refresh_token"])) == OK


@pytest.mark.parametrize(
    "ending",
    [
        (InvalidCredentials(Refusal.DISABLED), "disabled"),
        (replace(ALICE, password_changed_at=CHANGED + 1), "password_changed"),
    ],
    ids=["disabled", "password changed"],
)
def test_permanent_refusal_ends_the_grant(
    faked: Site,
    fake: FakeDirectory,
    refreshing: Registered,
    tokens: dict[str, str],
    ending: tuple[Outcome, str],
) -> None:
    """A person who is disabled or has a new password loses the family; the audit has the reason."""
    fake.outcome, reason = ending
    assert status_and_error(faked.refresh(refreshing, tokens["refresh_token"])) == INVALID_GRANT
    event = next(row for row in rows(faked, "audit_event") if row["event"] == "token.revoked")
    assert (event["reason"], event["subject"]) == (reason, ALICE.id)
    fake.outcome = ALICE
    assert faked.get("/api/me", tokens["access_token"]).status_code == 401
    assert status_and_error(faked.refresh(refreshing, tokens["refresh_token"])) == INVALID_GRANT
    assert len(rows(faked, "refresh_token")) == 1


def test_other_grants_of_the_person_live_on(
    faked: Site, fake: FakeDirectory, refreshing: Registered, tokens: dict[str, str]
) -> None:
    """A login with the new password succeeds, whatever ended the earlier grant."""
    fake.outcome = replace(ALICE, password_changed_at=CHANGED + 1)
    new = faked.ask_token(refreshing).get_json()
    assert status_and_error(faked.refresh(refreshing, tokens["refresh_token"])) == INVALID_GRANT
    assert status_and_error(faked.refresh(refreshing, new["refresh_token"])) == OK


@pytest.mark.parametrize("meanwhile", [CHANGED, CHANGED - 1, None])
def test_replica_with_an_older_password_time_ends_nothing(
    faked: Site,
    fake: FakeDirectory,
    refreshing: Registered,
    tokens: dict[str, str],
    meanwhile: int | None,
) -> None:
    """An earlier or missing time from a replica is no new password, nor is the right time after it."""
    token = tokens["refresh_token"]
    for changed in (meanwhile, CHANGED, meanwhile, CHANGED):
        fake.outcome = replace(ALICE, password_changed_at=changed)
        answer = faked.refresh(refreshing, token)
        assert status_and_error(answer) == OK
        token = answer.get_json()["refresh_token"]


def test_only_a_password_time_of_the_directory_ends_the_grant(
    faked: Site, fake: FakeDirectory, refreshing: Registered
) -> None:
    """A directory without password times ends nothing; its first time counts as a new password."""
    fake.outcome = replace(ALICE, password_changed_at=None)
    token = faked.ask_token(refreshing).get_json()["refresh_token"]
    token = faked.refresh(refreshing, token).get_json()["refresh_token"]
    fake.outcome = ALICE
    assert status_and_error(faked.refresh(refreshing, token)) == INVALID_GRANT
