"""Audit rows of refusals: reason and person; for an unknown login name, only its digest."""

from collections.abc import Callable

import pytest

from directory import DirectoryUnavailable, InvalidCredentials, Refusal
from tests.conftest import NOON, Registered, Site
from tests.fakes import ALICE, FakeDirectory
from tests.faults import drop_table, rows
from tests.oauth.answers import INVALID_GRANT, OK, UNAVAILABLE, status_and_error
from wiring.audit import write_refusals


def last_row(site: Site) -> dict[str, object]:
    """Write the waiting rows, and return the newest audit row."""
    write_refusals(site.app)
    return rows(site, "audit_event")[-1]


def test_refusal_has_a_row(site: Site) -> None:
    """The row has person, address, client, scope, reason and duration, like the log line."""
    client = site.register("p", "--scope", "profile")
    site.ask_token(client, password="wrong")
    row, line = last_row(site), site.log_lines()[-1]
    assert (row["event"], row["reason"], row["at"]) == ("grant.refused", "wrong_password", NOON)
    assert (row["client_id"], row["address"], row["scope"]) == (client.client_id, "127.0.0.1", "profile")
    assert row["subject"] == ALICE.id
    assert row["name_digest"] is None
    assert (row["request_id"], row["duration_ms"]) == (line["request_id"], line["duration_ms"])


def test_unknown_login_name_is_a_digest(site: Site) -> None:
    """People type their password as their name: the row and the log line have only its digest."""
    client = site.register()
    site.ask_token(client, username="Hunter2")
    first = last_row(site)
    site.ask_token(client, username=" hunter2 ")
    second, line = last_row(site), site.log_lines()[-1]
    assert first["reason"] == "unknown_person"
    assert first["subject"] is None
    assert first["name_digest"] == second["name_digest"] == line["name_digest"]
    counted = {name.hex() for row in rows(site, "login_failure") if isinstance(name := row["name"], bytes)}
    assert first["name_digest"] not in counted
    assert "hunter2" not in (str(rows(site, "audit_event")) + site.log.getvalue()).lower()


@pytest.mark.parametrize("reason", [Refusal.WRONG_PASSWORD, Refusal.LOCKED, Refusal.DISABLED])
def test_refused_refresh_has_a_row(
    faked: Site, fake: FakeDirectory, refreshing: Registered, reason: Refusal
) -> None:
    """A refused refresh is audited like a refused login, with the person of the grant."""
    token = faked.ask_token(refreshing).get_json()["refresh_token"]
    fake.outcome = InvalidCredentials(reason)
    assert status_and_error(faked.refresh(refreshing, token)) == INVALID_GRANT
    row = last_row(faked)
    assert (row["event"], row["reason"], row["subject"]) == ("grant.refused", reason.value, ALICE.id)


def test_scope_that_rules_refuse_has_a_row(faked: Site) -> None:
    """A person who may have no part of the requested scope has a row with that scope."""
    faked.run("scope", "create", "payroll", "--needs", "affiliation:nobody")
    faked.ask_token(faked.register("p", "--scope", "payroll"))
    row = last_row(faked)
    assert (row["event"], row["reason"], row["subject"]) == ("grant.refused", "scope", ALICE.id)
    assert row["scope"] == "payroll"


def test_client_that_is_disabled_during_a_login_has_a_row(make_site: Callable[..., Site]) -> None:
    """A client that is disabled while a password is checked is refused, and the refusal is audited."""

    class Disabling(FakeDirectory):
        def verify(self, net_id: str, password: str, **others: object) -> object:  # type: ignore[override]
            site.run("client", "disable", "--yes", client.client_id)
            return ALICE

    site = make_site(Disabling())
    client = site.register()
    site.ask_token(client)
    row = last_row(site)
    assert (row["event"], row["reason"]) == ("grant.refused", "client_ended")


def test_outage_has_one_row_a_minute(faked: Site, fake: FakeDirectory, refreshing: Registered) -> None:
    """While the directory is away, the audit has one row a minute, with the number of refused requests."""
    fake.outcome = DirectoryUnavailable("away", alarm=True)
    for _ in range(5):
        assert status_and_error(faked.ask_token(refreshing)) == UNAVAILABLE
    row = last_row(faked)
    assert (row["event"], row["reason"], row["times"]) == ("directory.unavailable", "alarm", 4)


def test_refusal_needs_no_audit(site: Site) -> None:
    """A refusal whose row cannot be stored gets the same answer."""
    client = site.register()
    drop_table(site, "audit_event")
    assert status_and_error(site.ask_token(client, password="wrong")) == INVALID_GRANT


def test_waiting_refusals_are_written_with_a_later_token(site: Site) -> None:
    """A minute after a flood, its last refusals are stored together with the next issued token."""
    client = site.register()
    for _ in range(3):
        site.ask_token(client, password="wrong")
    site.clock.now += 60
    site.token(client)
    assert [row["times"] for row in rows(site, "audit_event")] == [None, None, 2]


def test_throttling_has_one_row_a_minute(make_site: Callable[..., Site]) -> None:
    """A throttled login is audited with the name of its limit, once a minute."""
    site = make_site(NETID_LIMIT_PERSON="1/15minutes")
    client = site.register()
    site.ask_token(client, password="wrong")
    for _ in range(4):
        assert site.ask_token(client).status_code == 429
    row = last_row(site)
    assert (row["event"], row["reason"], row["times"]) == ("login.throttled", "person_and_client", 4)
    assert row["name_digest"] is not None


@pytest.mark.parametrize("endpoint", ["refresh", "revoke"])
@pytest.mark.parametrize("kind", ["refresh_token", "access_token"])
def test_token_of_another_client_has_a_row(
    faked: Site, refreshing: Registered, public: Registered, kind: str, endpoint: str
) -> None:
    """A token that another client presents may be stolen: row and line name both clients, not the token."""
    answer = faked.ask_token(refreshing).get_json()
    if endpoint == "revoke":
        assert status_and_error(faked.post("/oauth/revoke", public, token=answer[kind])) == INVALID_GRANT
    else:
        assert status_and_error(faked.refresh(public, answer[kind])) == INVALID_GRANT
    if (endpoint, kind) == ("refresh", "access_token"):
        # An access token is never accepted as a refresh token.
        assert [row["event"] for row in rows(faked, "audit_event")] == ["token.issued"]
        return
    row, line = last_row(faked), faked.log_lines()[-2]
    for record in (row, line):
        assert record["event"] == "token.refused"
        assert record["client_id"] == public.client_id
        assert record["reason"] == f"other_client: {refreshing.client_id}"
        assert record["subject"] == ALICE.id
    assert row["grant_id"] == rows(faked, "audit_event")[0]["grant_id"]
    assert answer[kind] not in str(rows(faked, "audit_event")) + faked.log.getvalue()
    assert status_and_error(faked.refresh(refreshing, answer["refresh_token"])) == OK


def test_flood_of_another_clients_token_has_one_row_a_minute(
    faked: Site, refreshing: Registered, public: Registered
) -> None:
    """However often the token is presented, the table has one row a minute, with the number of times."""
    token = faked.ask_token(refreshing).get_json()["refresh_token"]
    for _ in range(5):
        faked.refresh(public, token)
    row = last_row(faked)
    assert (row["event"], row["times"]) == ("token.refused", 4)
