"""What stays of the usage when audit rows go, and which people a client knows."""

from models import (
    forget_addresses,
    is_known_user,
    purge,
    purge_audit,
    remember_users,
    roll_up,
)
from tests.models.stores import Stores
from tests.models.usage_rules import CLIENT, DAY, all_usage, counted, happened


class KeptUsageRules:
    """Usage after the purge, and the people who use a client."""

    def test_usage_outlives_the_audit(self, stores: Stores) -> None:
        """A purge of the audit after a roll-up changes no count, and later rows are counted too."""
        happened(stores)
        before = counted(stores)
        stores.clock.now += 400 * DAY
        assert purge_audit(stores.now - 365 * DAY) == 1
        assert stores.rows("audit_event") == []
        for _ in range(3):
            happened(stores)
        assert counted(stores)["logins"] == 3
        assert counted(stores, day=stores.now // DAY - 400) == before

    def test_keys_that_are_given_again_are_counted(self, stores: Stores) -> None:
        """SQLite gives the key of a deleted last row again: such a row is counted, the others not twice."""
        happened(stores)
        stores.clock.now -= 400 * DAY
        happened(stores)
        stores.clock.now += 400 * DAY
        assert counted(stores)["logins"] == 1
        assert purge_audit(stores.now - 365 * DAY) == 1
        happened(stores)
        assert counted(stores)["logins"] == 2
        assert purge_audit(stores.now + 1) == 2
        happened(stores)
        happened(stores)
        assert counted(stores)["logins"] == 4

    def test_purge_waits_for_the_roll_up(self, stores: Stores) -> None:
        """Rows that were not counted are not deleted, once rows are counted at all."""
        happened(stores)
        counted(stores)
        happened(stores)
        stores.clock.now += 400 * DAY
        assert purge_audit(stores.now) == 1
        assert len(stores.rows("audit_event")) == 1
        roll_up(stores.now, lag=0)
        assert purge_audit(stores.now) == 1

    def test_known_users_are_those_of_before(self, stores: Stores) -> None:
        """A person is known from the first use on, for that client and directory alone."""
        happened(stores)
        counted(stores)
        first = stores.now
        stores.clock.now += DAY
        happened(stores)
        counted(stores)
        assert is_known_user(CLIENT, "default", "alice", first)
        assert not is_known_user(CLIENT, "default", "alice", first - 1)
        assert not is_known_user(CLIENT, "elsewhere", "alice", first)
        assert not is_known_user("another", "default", "alice", first)
        assert not is_known_user(CLIENT, "default", "bob", first)

    def test_holders_of_grants_are_remembered(self, stores: Stores) -> None:
        """Whoever holds a grant that a password gave is known, though the audit never told it."""
        for number in range(7):
            stores.issue(subject=f"person {number}")
        stores.issue(subject="browser", of_grant={"origin": "authorization_code"})
        stores.issue("another", subject="other")
        stores.clock.now += 60
        assert remember_users([CLIENT], stores.now, chunk_rows=2) == 7
        assert remember_users([CLIENT], stores.now) == 7
        known = [f"person {number}" for number in range(7)]
        assert all(is_known_user(CLIENT, "default", each, stores.now) for each in known)
        assert not is_known_user(CLIENT, "default", "browser", stores.now)
        assert not is_known_user(CLIENT, "default", "other", stores.now)

    def test_remembered_people_still_count_today(self, stores: Stores) -> None:
        """To remember a person before the day is rolled up takes nothing from its number of users."""
        stores.issue(subject="alice")
        happened(stores)
        remember_users([CLIENT], stores.now)
        assert counted(stores)["users"] == 1
        (row,) = stores.rows("client_user")
        assert (row["first_at"], row["last_password_at"]) == (stores.now, stores.now)

    def test_addresses_go_with_the_audit(self, stores: Stores) -> None:
        """The addresses of a day are removed when its audit rows are; counts and newer days stay."""
        happened(stores)
        before = counted(stores)
        stores.clock.now += DAY
        happened(stores)
        counted(stores)
        assert forget_addresses(stores.now - DAY) == 0
        assert forget_addresses(stores.now) == 1
        old, new = all_usage(stores)
        assert old.detail == {**before["detail"], "addresses": {}}
        assert (old.addresses, old.logins) == (1, 1)
        assert new.detail["addresses"] == {"192.0.2.1": 1}
        bits = {row["day"]: row["address_bits"] for row in stores.rows("client_usage")}
        assert [bits[each.day] is None for each in (old, new)] == [True, False]
        assert forget_addresses(stores.now) == 0

    def test_usage_is_kept_for_three_years(self, stores: Stores) -> None:
        """The purge deletes usage, and people who used a client, after three years."""
        happened(stores)
        counted(stores)
        stores.clock.now += 3 * 366 * DAY
        happened(stores, subject="bob")
        counted(stores)
        assert purge(stores.now)["client_usage"] == 0
        gone = purge(stores.now + DAY)
        assert (gone["client_usage"], gone["client_user"]) == (1, 1)
        assert [row["subject"] for row in stores.rows("client_user")] == ["bob"]
