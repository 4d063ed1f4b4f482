"""The roll-up of the audit: each row is counted once, whoever counts and whatever dies."""

import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from unittest.mock import patch

import pytest

from models import (
    Base,
    ClientUsage,
    StoreUnavailable,
    record,
    roll_up,
    subjects_who_used,
    usage_of,
    users_of,
)
from models.usage import tally_store
from models.usage.roll_up import COUNTED, counted_up_to
from tests.models.app_password_rules import run_together
from tests.models.stores import Place, Stores

CLIENT = "a-client"
DAY = 86_400
NOTHING: Mapping[str, Any] = {
    "logins": 0,
    "app_password_logins": 0,
    "refreshes": 0,
    "failures": 0,
    "refusals": 0,
    "users": 0,
    "addresses": 0,
    "last_at": None,
    "detail": {"agents": {}, "addresses": {}, "reasons": {}},
}


def happened(stores: Stores, name: str = "token.issued", **changes: Any) -> None:
    """Store an audit row of a token request by password, as of now."""
    usual = {
        "client_id": CLIENT,
        "subject": "alice",
        "address": "192.0.2.1",
        "grant_type": "password",
        "user_agent": "curl",
    }
    record(stores.audit(name, **{**usual, **changes}))


def counted(stores: Stores, *, day: int | None = None, client_id: str = CLIENT) -> dict[str, Any]:
    """Roll up everything, and return the usage of a client on a day, today by default."""
    roll_up(stores.now, lag=0)
    day = stores.now // DAY if day is None else day
    found = usage_of(day, day + 1, [client_id])
    if not found:
        return dict(NOTHING)
    (usage,) = found
    assert (usage.day, usage.client_id) == (day, client_id)
    return {name: value for name, value in usage._asdict().items() if name not in {"day", "client_id"}}


def all_usage(stores: Stores) -> list[ClientUsage]:
    """Every row of usage."""
    return list(usage_of(stores.now // DAY - 40, stores.now // DAY + 40))


class UsageRules:
    """Usage by client and day, derived from the audit."""

    def test_logins_are_counted(self, stores: Stores) -> None:
        """Logins by Net ID password and by app password, their users, programs, addresses and last time."""
        happened(stores)
        happened(stores, subject="bob", address="192.0.2.2", user_agent="Java")
        stores.clock.now += 60
        happened(stores, app_password_id="a" * 32)
        assert counted(stores) == {
            **NOTHING,
            "logins": 2,
            "app_password_logins": 1,
            "users": 2,
            "addresses": 2,
            "last_at": stores.now,
            "detail": {
                "agents": {"curl": 2, "Java": 1},
                "addresses": {"192.0.2.1": 2, "192.0.2.2": 1},
                "reasons": {},
            },
        }

    def test_refusals_are_counted_as_often_as_they_happened(self, stores: Stores) -> None:
        """A merged row counts `times`; refusals by the policy are not failures of users."""
        happened(stores, "grant.refused", reason="wrong_password", times=7)
        happened(stores, "grant.refused", reason="wrong_password")
        happened(stores, "login.throttled", reason="address", subject=None)
        for reason in ("brown_out", "password_grant_ended", "password_grant_off", "app_passwords_only"):
            happened(stores, "grant.refused", reason=reason, subject=None, times=2)
        usage = counted(stores)
        assert (usage["failures"], usage["refusals"], usage["logins"]) == (9, 8, 0)
        assert (usage["users"], usage["last_at"]) == (0, None)
        assert usage["detail"]["reasons"] == {
            "wrong_password": 8,
            "address": 1,
            "brown_out": 2,
            "password_grant_ended": 2,
            "password_grant_off": 2,
            "app_passwords_only": 2,
        }

    @pytest.mark.parametrize(
        "changes",
        [
            {"grant_type": None},
            {"grant_type": "client_credentials", "subject": None},
            {"grant_type": "authorization_code"},
            {"name": "grant.refused", "grant_type": "refresh_token"},
            {"name": "token.revoked"},
            {"name": "client.refused", "reason": "secret"},
            {"client_id": None},
        ],
    )
    def test_other_events_do_not_count(self, stores: Stores, changes: Mapping[str, Any]) -> None:
        """Other grants, rows of earlier releases and refused clients are no use of the password grant."""
        happened(stores, **{"name": "token.issued", **changes})
        assert counted(stores) == NOTHING
        assert all_usage(stores) == []

    def test_refresh_counts_if_a_password_began_the_family(self, stores: Stores) -> None:
        """A refresh is a use of the password grant only if its grant came from there."""
        password = stores.issue(subject="alice")
        browser = stores.issue(subject="bob", of_grant={"origin": "authorization_code"})
        for issued, subject in ((password, "alice"), (browser, "bob")):
            refreshed = {"grant_type": "refresh_token", "grant_id": issued.grant_id.hex()}
            happened(stores, "token.refreshed", subject=subject, **refreshed)
        for unknown in ("00" * 19, "not hex"):
            happened(stores, "token.refreshed", grant_type="refresh_token", grant_id=unknown)
        usage = counted(stores)
        assert (usage["refreshes"], usage["logins"], usage["users"]) == (1, 0, 1)
        assert usage["last_at"] == stores.now
        assert subjects_who_used(CLIENT, 0) == ["alice"]

    def test_person_counts_once_a_day(self, stores: Stores) -> None:
        """Users are people, however often they log in and however many roll-ups count the day."""
        first_day = stores.now // DAY
        for _ in range(3):
            happened(stores)
            happened(stores)
            counted(stores)
        stores.clock.now += DAY
        happened(stores)
        happened(stores, subject="bob")
        assert counted(stores)["users"] == 2
        assert counted(stores, day=first_day)["users"] == 1
        assert (users_of(CLIENT, 0), users_of(CLIENT, stores.now), users_of("another", 0)) == (2, 2, 0)
        stores.clock.now += DAY
        happened(stores)
        counted(stores)
        assert (users_of(CLIENT, stores.now), users_of(CLIENT, stores.now - DAY)) == (1, 2)
        assert subjects_who_used(CLIENT, 0) == ["alice", "bob"]

    def test_row_counts_on_its_own_day(self, stores: Stores) -> None:
        """A row that is counted days later is counted on the day on which it happened (UTC)."""
        midnight = (stores.now // DAY + 1) * DAY
        for at in (midnight - 1, midnight, midnight + 3 * DAY):
            stores.clock.now = at
            happened(stores)
        roll_up(stores.now, lag=0)
        assert [(each.day, each.logins, each.last_at) for each in all_usage(stores)] == [
            (midnight // DAY - 1, 1, midnight - 1),
            (midnight // DAY, 1, midnight),
            (midnight // DAY + 3, 1, midnight + 3 * DAY),
        ]

    def test_many_addresses_are_estimated(self, stores: Stores) -> None:
        """Up to ten addresses are exact; beyond, the number is within a tenth, and the most frequent stay."""
        for number in range(10):
            happened(stores, address=f"192.0.2.{number}")
        assert counted(stores)["addresses"] == 10
        with stores.engine.begin() as link:
            audit = stores.rows("audit_event")[-1]
            table = Base.metadata.tables["audit_event"]
            for number in range(490):
                row = {**audit, "address": f"198.51.{number // 250}.{number % 250}"}
                del row["id"]
                link.execute(table.insert(), row)
        for _ in range(3):
            happened(stores, address="203.0.113.7")
        usage = counted(stores)
        assert 450 <= usage["addresses"] <= 551
        assert len(usage["detail"]["addresses"]) == 10
        assert usage["detail"]["addresses"]["203.0.113.7"] == 3

    def test_addresses_of_one_home_are_one(self, stores: Stores) -> None:
        """An IPv6 address counts by its /64, since phones change theirs; another text is made printable."""
        happened(stores, address="2001:db8:1:2::7")
        happened(stores, address="2001:db8:1:2:ffff::9")
        happened(stores, address="not\x1b[2Jan address")
        usage = counted(stores)
        assert usage["addresses"] == 2
        assert usage["detail"]["addresses"] == {"2001:db8:1:2::/64": 2, "not?[2Jan address": 1}

    def test_each_row_is_counted_once(self, stores: Stores) -> None:
        """A second roll-up counts nothing again, and later rows are added."""
        for _ in range(5):
            happened(stores)
        assert roll_up(stores.now, lag=0, chunk=2) == 5
        assert roll_up(stores.now, lag=0, chunk=2) == 0
        happened(stores)
        assert roll_up(stores.now, lag=0) == 1
        assert counted(stores)["logins"] == 6
        assert counted_up_to() == max(row["id"] for row in stores.rows("audit_event"))

    def test_roll_ups_at_the_same_time_count_once(self, stores: Stores) -> None:
        """Several workers roll up while logins go on: each login is counted once."""
        logins, done = 120, threading.Event()

        def log_in() -> None:
            try:
                for number in range(logins):
                    happened(stores, subject=f"person {number % 7}")
            finally:
                done.set()

        def count() -> None:
            while not done.is_set():
                # On SQLite, others may hold the file for too long; the next call goes on.
                with suppress(StoreUnavailable):
                    roll_up(stores.now, lag=0, chunk=3)

        run_together(stores, threading.Barrier(4), log_in, count, count, count)
        # On PostgreSQL rows of one writer appear in the order of their keys.
        usage = counted(stores)
        assert (usage["logins"], usage["users"]) == (logins, 7)
        assert sum(usage["detail"]["addresses"].values()) == logins

    def test_killed_roll_up_goes_on_where_it_was(self, stores: Stores) -> None:
        """What a transaction did not commit is counted by the next call, and nothing twice."""
        for _ in range(6):
            happened(stores)
        add, calls = tally_store.add, []

        def dies(*args: Any) -> None:
            calls.append(args)
            add(*args)
            if len(calls) == 2:
                raise KeyboardInterrupt

        with patch.object(tally_store, "add", dies), pytest.raises(KeyboardInterrupt):
            roll_up(stores.now, lag=0, chunk=2)
        (usage,) = all_usage(stores)
        assert usage.logins == 2
        assert counted(stores)["logins"] == 6

    def test_nothing_is_counted_while_the_database_is_away(self, hurried: Stores, place: Place) -> None:
        """A roll-up that cannot store says so, and the next one counts."""
        happened(hurried)
        with place.held(), pytest.raises(StoreUnavailable):
            roll_up(hurried.now, lag=0)
        assert counted(hurried)["logins"] == 1

    def test_days_and_clients_are_selected(self, stores: Stores) -> None:
        """`usage_of` gives the days from the first to before the last, of the named clients."""
        for _ in range(70):
            happened(stores)
            happened(stores, client_id="another")
            stores.clock.now += DAY
        roll_up(stores.now, lag=0)
        today = stores.now // DAY
        assert len(usage_of(today - 70, today)) == 140
        assert {each.day for each in usage_of(today - 69, today - 1)} == set(range(today - 69, today - 1))
        assert {each.client_id for each in usage_of(today - 70, today, [CLIENT, "nobody"])} == {CLIENT}
        many = [CLIENT, *(f"c{number}" for number in range(600))]
        assert {each.client_id for each in usage_of(today - 70, today, many)} == {CLIENT}
        assert usage_of(today - 70, today, []) == []
        assert usage_of(today, today + 5) == []

    def test_usage_without_detail_has_the_numbers(self, stores: Stores) -> None:
        """A long curve needs no agents and addresses, which are most of the work of reading it."""
        happened(stores)
        roll_up(stores.now, lag=0)
        today = stores.now // DAY
        (whole,) = usage_of(today, today + 1)
        assert whole.detail["agents"] == {"curl": 1}
        assert list(usage_of(today, today + 1, detail=False)) == [whole._replace(detail=NOTHING["detail"])]

    def test_rows_are_counted_once_no_transaction_can_precede_them(self, stores: Stores) -> None:
        """With several writers, a row is counted when every transaction of its time has ended.

        SQLite has one writer, so its rows are counted at once.
        """
        happened(stores)
        if stores.engine.dialect.name == "sqlite":
            assert roll_up(stores.now) == 1
            return
        assert roll_up(stores.now) == 0
        audit = Base.metadata.tables["audit_event"]
        late = {name: value for name, value in stores.rows("audit_event")[0].items() if name != "id"}
        with stores.engine.connect() as slow:
            slow.execute(audit.insert(), late)
            happened(stores)
            stores.clock.now += 119
            assert roll_up(stores.now) == 0
            stores.clock.now += 1
            # The key of the slow row is higher than the highest one that was seen.
            assert roll_up(stores.now) == 1
            slow.commit()
        stores.clock.now += 120
        assert roll_up(stores.now) == 2
        (usage,) = all_usage(stores)
        assert usage.logins == 3

    def test_progress_begins_without_a_row(self, stores: Stores) -> None:
        """A database whose row of the progress is missing is counted from the beginning."""
        with stores.engine.begin() as link:
            link.execute(Base.metadata.tables["usage_progress"].delete())
        happened(stores)
        roll_up(stores.now, lag=0)
        assert [row["name"] for row in stores.rows("usage_progress")] == [COUNTED]
