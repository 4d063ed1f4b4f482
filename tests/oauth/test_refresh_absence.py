"""A person who is missing at a refresh is refused at once, and loses all grants if they stay missing."""

import pytest

from directory import InvalidCredentials, Refusal
from tests.conftest import Registered, Site
from tests.fakes import ALICE, FakeDirectory
from tests.faults import rows, without_table
from tests.oauth.answers import INVALID_GRANT, OK, UNAVAILABLE, status_and_error

DAY = 86_400
ONE, TWO = "ldaps://one.campus.example", "ldaps://two.campus.example"


@pytest.fixture
def tokens(faked: Site, refreshing: Registered) -> dict[str, str]:
    """The answer to a login."""
    body: dict[str, str] = faked.ask_token(refreshing).get_json()
    return body


def gone(*servers: str) -> InvalidCredentials:
    """The refusal of a person whom these servers do not have."""
    refusal = InvalidCredentials(Refusal.UNKNOWN_PERSON)
    refusal.servers = servers
    return refusal


def live_grants(site: Site) -> int:
    """The number of live grants."""
    return sum(row["revoked_at"] is None for row in rows(site, "grant"))


def test_person_who_stays_missing_loses_every_grant(
    faked: Site, fake: FakeDirectory, refreshing: Registered, tokens: dict[str, str]
) -> None:
    """A person missing now and a day later loses every grant with every client, and that is audited."""
    other = faked.token(faked.register("another"))
    fake.outcome = gone(ONE)
    assert status_and_error(faked.refresh(refreshing, tokens["refresh_token"])) == INVALID_GRANT
    assert faked.get("/api/me", other).status_code == 200
    assert live_grants(faked) == 2
    faked.clock.now += DAY
    fake.outcome = ALICE
    third = faked.token(faked.register("a third"))
    fake.outcome = gone(ONE)
    assert status_and_error(faked.refresh(refreshing, tokens["refresh_token"])) == INVALID_GRANT
    assert faked.get("/api/me", third).status_code == 401
    event = next(row for row in rows(faked, "audit_event") if row["event"] == "grant.revoked")
    assert (event["event"], event["subject"], event["client_id"]) == ("grant.revoked", ALICE.id, None)
    assert str(event["reason"]).startswith("unknown_person: ")
    assert [line["reason"] for line in faked.log_lines() if line["event"] == "grant.revoked"] == [
        event["reason"]
    ]
    fake.outcome = ALICE
    assert status_and_error(faked.refresh(refreshing, tokens["refresh_token"])) == INVALID_GRANT


def test_person_missing_on_two_servers_loses_every_grant_at_once(
    faked: Site, fake: FakeDirectory, refreshing: Registered, tokens: dict[str, str]
) -> None:
    """Two directory servers without the person are enough."""
    fake.outcome = gone(ONE, TWO)
    assert status_and_error(faked.refresh(refreshing, tokens["refresh_token"])) == INVALID_GRANT
    assert live_grants(faked) == 0


@pytest.mark.parametrize("back", [ALICE, InvalidCredentials(Refusal.LOCKED)], ids=["there", "locked"])
def test_person_who_is_found_again_keeps_every_grant(
    faked: Site,
    fake: FakeDirectory,
    refreshing: Registered,
    tokens: dict[str, str],
    back: object,
) -> None:
    """A person who was found in between, even as locked, counts as never missed."""
    fake.outcome = gone(ONE)
    faked.refresh(refreshing, tokens["refresh_token"])
    fake.outcome = back  # type: ignore[assignment]
    token = faked.refresh(refreshing, tokens["refresh_token"]).get_json().get("refresh_token")
    assert rows(faked, "missing_person") == []
    faked.clock.now += DAY
    fake.outcome = gone(ONE)
    assert status_and_error(faked.refresh(refreshing, token or tokens["refresh_token"])) == INVALID_GRANT
    assert live_grants(faked) == 1
    fake.outcome = ALICE
    assert status_and_error(faked.refresh(refreshing, token or tokens["refresh_token"])) == OK


def test_more_than_twenty_missing_people_raise_an_alarm(
    faked: Site, fake: FakeDirectory, refreshing: Registered
) -> None:
    """If both servers lose many people at once, twenty lose their grants; beyond that there is an alarm."""
    held = []
    for number in range(22):
        fake.outcome = type(ALICE)(id=f"person-{number}", net_id=f"p{number}", dn="cn=x")
        held.append(faked.ask_token(refreshing).get_json()["refresh_token"])
    fake.outcome = gone(ONE, TWO)
    assert {status_and_error(faked.refresh(refreshing, token)) for token in held} == {INVALID_GRANT}
    assert live_grants(faked) == 2
    alarms = [line for line in faked.log_lines() if line["event"] == "absence.brake"]
    assert [(line["level"], line["alarm"]) for line in alarms] == [("error", True)] * 2
    assert {line["subject"] for line in alarms} == {"person-20", "person-21"}


def test_miss_that_cannot_be_stored_is_503(
    faked: Site, fake: FakeDirectory, refreshing: Registered, tokens: dict[str, str]
) -> None:
    """If the database does not answer, the answer is 503 and the token stays valid."""
    fake.outcome = gone(ONE, TWO)
    with without_table(faked, "missing_person"):
        assert status_and_error(faked.refresh(refreshing, tokens["refresh_token"])) == UNAVAILABLE
    fake.outcome = ALICE
    assert status_and_error(faked.refresh(refreshing, tokens["refresh_token"])) == OK
