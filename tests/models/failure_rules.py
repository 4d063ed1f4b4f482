"""Every database keeps refused logins and refused passwords in the same way, for the same time."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from login.ports import AttemptKey, Outcome, Threshold
from models import FailureStore, RefusedPassword, RefusedPasswordStore, purge
from tests.models.stores import Stores

NAME, OTHER = b"n" * 16, b"o" * 16
ALICE, BOB = "subject-of-alice", "subject-of-bob"
TYPED = "spelling:1"
FAILURES, REFUSED = FailureStore(), RefusedPasswordStore()
DAY = 86_400


def record(
    stores: Stores,
    name: bytes = NAME,
    subject: str | None = ALICE,
    *,
    client_id: str = "a-client",
    address: str = "192.0.2.1",
    is_new_password: bool = True,
) -> int:
    """Write a failure of now down."""
    outcome = Outcome("wrong_password", subject, is_new_password)
    return FAILURES.record(stores.now, AttemptKey(name, client_id, address), outcome)


class FailureRules:
    """Rules of the stores of failures and of refused passwords."""

    def test_failures_are_found_by_name_and_subject(self, stores: Stores) -> None:
        """A person's failures are those of the name and of the subject, each once, newest first."""
        by_name = record(stores, NAME, None)
        stores.clock.now += 1
        by_subject = record(stores, OTHER, ALICE)
        stores.clock.now += 1
        by_both = record(stores, NAME, ALICE)
        record(stores, OTHER, BOB)
        past, _ = FAILURES.look(NAME, ALICE, 0)
        assert [each.id for each in past] == [by_both, by_subject, by_name]
        past, _ = FAILURES.look(NAME, None, 0)
        assert [each.id for each in past] == [by_both, by_name]

    def test_failures_at_or_before_since_are_left_out(self, stores: Stores) -> None:
        """A look-up returns failures after `since`, and none at that second."""
        record(stores)
        stores.clock.now += 60
        newest = record(stores)
        for subject in (ALICE, None):
            past, _ = FAILURES.look(NAME, subject, stores.now - 60)
            assert [each.id for each in past] == [newest]

    def test_threshold_is_the_time_of_the_nth_newest_new_password(self, stores: Stores) -> None:
        """Thresholds count by client, by address or all failures. Repeated passwords do not count."""
        began = stores.now
        for number in range(4):
            record(stores, client_id=f"client{number % 2}", address=f"192.0.2.{number // 2}")
            record(stores, is_new_password=False)
            stores.clock.now += 10
        thresholds = [
            Threshold(2, 0, client_id="client0"),
            Threshold(3, 0, client_id="client0"),
            Threshold(2, 0, address="192.0.2.1"),
            Threshold(4, 0),
            Threshold(4, began),
            Threshold(1, began + 29),
            Threshold(1, began + 30),
        ]
        _, answers = FAILURES.look(OTHER, None, 0, thresholds)
        assert list(answers) == [began, None, began + 20, began, None, began + 30, None]

    def test_pending_attempt_is_settled_or_deleted(self, stores: Stores) -> None:
        """An attempt under way gets its outcome, or its row is deleted."""
        settled, forgotten = record(stores), record(stores)
        FAILURES.settle(settled, Outcome("locked", BOB, is_new_password=False, tried=False))
        FAILURES.forget(forgotten)
        (row,) = stores.rows("login_failure")
        assert (row["id"], row["reason"], row["subject"]) == (settled, "locked", BOB)
        assert (row["is_new_password"], row["tried"], row["cleared"]) == (False, False, False)

    def test_clearing_marks_and_deletes_nothing(self, stores: Stores) -> None:
        """A success marks the failures of the person and of the name as typed, and no others.

        Names that fold alike share a digest. Rows of another person, or of no person, under the name stay.
        """
        rows = [(NAME, TYPED), (OTHER, ALICE), (NAME, ALICE), (NAME, BOB), (NAME, None), (NAME, "spelling:2")]
        numbers = [record(stores, *row) for row in rows]
        FAILURES.clear([ALICE, TYPED], 0)
        cleared = [row["id"] for row in stores.rows("login_failure") if row["cleared"]]
        assert sorted(cleared) == numbers[:3]
        past, _ = FAILURES.look(NAME, ALICE, 0)
        assert {each.id for each in past if not each.cleared} == set(numbers[3:])

    def test_clearing_leaves_failures_at_or_before_since(self, stores: Stores) -> None:
        """Failures at that second, or earlier, are not marked."""
        record(stores)
        stores.clock.now += 60
        newest = record(stores)
        FAILURES.clear([ALICE], stores.now - 60)
        assert [row["id"] for row in stores.rows("login_failure") if row["cleared"]] == [newest]

    def test_concurrent_failures_are_each_counted_once(self, stores: Stores) -> None:
        """16 threads record at once, and each failure counts exactly once."""

        def fail(number: int) -> int:
            with stores.site.app.app_context():
                return record(stores, client_id=f"client{number % 2}")

        with ThreadPoolExecutor(16) as pool:
            numbers = list(pool.map(fail, range(160)))
        assert len(set(numbers)) == 160
        past, answers = FAILURES.look(NAME, None, 0, [Threshold(160, 0), Threshold(161, 0)])
        assert {each.id for each in past} == set(numbers)
        assert list(answers) == [stores.now, None]

    def test_last_of_concurrent_attempts_sees_all_others(self, stores: Stores) -> None:
        """If many attempts record themselves and then look, at least one sees all others."""

        def enter(_: int) -> int:
            with stores.site.app.app_context():
                record(stores)
                return len(FAILURES.look(NAME, None, 0)[0])

        with ThreadPoolExecutor(16) as pool:
            seen = sorted(pool.map(enter, range(16)))
        assert seen[-1] == 16
        assert all(count >= place for place, count in enumerate(seen, start=1))

    def test_five_newest_refused_passwords_are_kept(self, stores: Stores) -> None:
        """At most five of a person are kept, the newest, each once. Other people's rows stay."""
        REFUSED.remember(BOB, "a-client", b"bobs", b"", stores.now)
        for number in (1, 2, 3, 4, 5, 2, 6):
            stores.clock.now += 1
            REFUSED.remember(ALICE, "a-client", b"tag%d" % number, b"state", stores.now)
        found = REFUSED.of(ALICE, stores.now)
        ages = {6: 0, 2: 1, 5: 2, 4: 3, 3: 4}
        assert found == [
            RefusedPassword(b"tag%d" % number, b"state", "a-client", stores.now - age)
            for number, age in ages.items()
        ]
        assert len(stores.rows("refused_password")) == 6

    def test_refused_password_is_kept_once_for_each_client(self, stores: Stores) -> None:
        """A client's repetition replaces its own record, and leaves that of another client."""
        for client_id in ("one", "two", "one"):
            stores.clock.now += 1
            REFUSED.remember(ALICE, client_id, b"tag1", b"", stores.now)
        found = REFUSED.of(ALICE, stores.now)
        assert [(each.client_id, each.at) for each in found] == [("one", stores.now), ("two", stores.now - 1)]

    @pytest.mark.parametrize(("fingerprint", "lifetime"), [(b"state", 900), (b"", 3600)])
    def test_refused_passwords_expire(self, stores: Stores, fingerprint: bytes, lifetime: int) -> None:
        """A password that was certainly wrong is kept for 15 minutes, any other one for an hour."""
        REFUSED.remember(ALICE, "a-client", b"tag1", fingerprint, stores.now)
        stores.clock.now += lifetime - 1
        REFUSED.remember(BOB, "a-client", b"tag2", fingerprint, stores.now)
        assert len(REFUSED.of(ALICE, stores.now)) == 1
        assert purge(stores.now)["refused_password"] == 0
        stores.clock.now += 1
        assert REFUSED.of(ALICE, stores.now) == []
        assert purge(stores.now)["refused_password"] == 1
        REFUSED.forget(BOB)
        assert stores.rows("refused_password") == []

    def test_failures_are_kept_for_a_month(self, stores: Stores) -> None:
        """The help desk sees a month of failures; older rows are purged in batches."""
        for _ in range(3):
            record(stores)
        stores.clock.now += 31 * DAY - 1
        record(stores)
        assert purge(stores.now)["login_failure"] == 0
        stores.clock.now += 1
        assert purge(stores.now, batch=2)["login_failure"] == 3
        assert len(stores.rows("login_failure")) == 1
