"""Every database keeps the people whom the directory no longer finds."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import cast

import pytest

from models import Missed, MissingPerson, MissingPersonStore, StoreUnavailable
from tests.models.stores import Stores

DAY = 86_400
ONE, TWO = "ldaps://one.campus.example", "ldaps://two.campus.example"
ALICE = "subject-of-alice"
THREADS = 16


def miss(stores: Stores, servers: Sequence[str] = (ONE,), *, subject: str = ALICE, limit: int = 20) -> Missed:
    """Record that the directory did not find a person."""
    event = stores.audit("grant.revoked", subject=subject, reason="unknown_person")
    return MissingPersonStore(mass_removal_limit=limit).missed(subject, servers, event)


class MissingPersonRules:
    """When a missing person is confirmed, and what ends then."""

    @pytest.mark.parametrize("later", [0, 60, DAY - 1])
    @pytest.mark.parametrize("servers", [(), (ONE,), (ONE, ONE)])
    def test_one_server_within_a_day_ends_no_grant(
        self, stores: Stores, later: int, servers: Sequence[str]
    ) -> None:
        """One server's answers within a day end nothing, however many there are."""
        issued = stores.issue(access_ttl=2 * DAY)
        for _ in range(2):
            assert miss(stores, servers) == Missed(absence=MissingPerson.UNCERTAIN)
            stores.clock.now += later
        assert stores.lives(issued)

    @pytest.mark.parametrize("servers", [(), (ONE,)])
    def test_later_day_confirms(self, stores: Stores, servers: Sequence[str]) -> None:
        """A miss a day after the first ends every grant with every client; there is one audit row."""
        issued = [stores.issue(client, access_ttl=2 * DAY) for client in ("one", "two")]
        other = stores.issue(subject="subject-of-bob", access_ttl=2 * DAY)
        miss(stores, servers)
        stores.clock.now += DAY
        missed = miss(stores, servers)
        assert (missed.absence, missed.event and missed.event.reason) == (
            MissingPerson.GONE,
            "unknown_person: 2 ended",
        )
        assert [stores.lives(each) for each in (*issued, other)] == [False, False, True]
        assert [row["reason"] for row in stores.rows("audit_event")][3:] == ["unknown_person: 2 ended"]

    def test_another_server_confirms(self, stores: Stores) -> None:
        """A miss on a second server confirms the first, at once or later."""
        for subject, answers in (("a", [(ONE, TWO)]), ("b", [(ONE,), (TWO,)]), ("c", [(), (ONE, TWO)])):
            issued = stores.issue(subject=subject)
            outcomes = [miss(stores, servers, subject=subject).absence for servers in answers]
            assert outcomes[-1] is MissingPerson.GONE
            assert not stores.lives(issued)

    def test_unnamed_server_confirms_nothing(self, stores: Stores) -> None:
        """A directory that names no server does not confirm another server's answer."""
        issued = stores.issue()
        for servers in ((), (ONE,), ()):
            assert miss(stores, servers).absence is MissingPerson.UNCERTAIN
        assert stores.lives(issued)

    def test_person_who_is_found_again_starts_a_new_day(self, stores: Stores) -> None:
        """A person who was found again counts as never missed."""
        issued = stores.issue(access_ttl=3 * DAY)
        miss(stores)
        assert stores.found(issued.refresh).missed
        MissingPersonStore().found(ALICE)
        assert not stores.found(issued.refresh).missed
        stores.clock.now += DAY
        assert miss(stores).absence is MissingPerson.UNCERTAIN
        assert stores.lives(issued)

    def test_refresh_token_shows_whether_its_own_person_was_missed(self, stores: Stores) -> None:
        """A refresh token shows its own person only; a program has no person."""
        others = [stores.issue(subject=subject) for subject in ("subject-of-bob", None)]
        miss(stores)
        assert not any(stores.found(each.refresh).missed for each in others)

    def test_person_of_another_directory_is_not_missed(self, stores: Stores) -> None:
        """The same stable id in another directory is another person, who keeps every grant."""
        issued = stores.issue(of_grant={"directory": "staff"})
        miss(stores)
        assert not stores.found(issued.refresh).missed
        assert miss(stores, (ONE, TWO)).absence is MissingPerson.GONE
        assert stores.lives(issued)
        event = stores.audit("grant.revoked", subject=ALICE, reason="unknown_person")
        gone = MissingPersonStore().missed(ALICE, (ONE, TWO), event, directory="staff")
        assert gone.absence is MissingPerson.GONE
        assert not stores.lives(issued)

    def test_person_with_later_grants_is_missed_for_the_first_time_again(self, stores: Stores) -> None:
        """A confirmed person who has logged in since is missed for the first time again."""
        miss(stores, (ONE, TWO))
        stores.clock.now += DAY
        issued = stores.issue()
        assert miss(stores).absence is MissingPerson.UNCERTAIN
        assert stores.lives(issued)

    def test_grant_stored_while_the_others_ended_ends_at_its_next_look(self, stores: Stores) -> None:
        """A grant that was stored during the end of the person's grants ends at its next refresh."""
        miss(stores, (ONE, TWO))
        issued = stores.issue()
        assert miss(stores, (ONE,), limit=1).absence is MissingPerson.GONE
        assert not stores.lives(issued)

    def test_nothing_is_audited_if_no_grant_is_live(self, stores: Stores) -> None:
        """Without a live grant, there is no audit row."""
        stores.issue(access_ttl=60, refresh_ttl=None)
        stores.clock.now += 60
        assert miss(stores, (ONE, TWO)) == Missed(absence=MissingPerson.GONE)
        assert [row["event"] for row in stores.rows("audit_event")] == ["token.issued"]

    def test_no_more_people_than_the_limit_are_believed_gone(self, stores: Stores) -> None:
        """The limit bounds how many people are confirmed within a day; the others follow a day later."""
        issued = {subject: stores.issue(subject=subject, access_ttl=2 * DAY) for subject in "abc"}
        outcomes = [miss(stores, (ONE, TWO), subject=subject, limit=2).absence for subject in "abc"]
        assert outcomes == [MissingPerson.GONE, MissingPerson.GONE, MissingPerson.BRAKED]
        assert stores.lives(issued["c"])
        stores.clock.now += DAY - 1
        assert miss(stores, (TWO,), subject="c", limit=2).absence is MissingPerson.BRAKED
        stores.clock.now += 1
        assert miss(stores, subject="c", limit=2).absence is MissingPerson.GONE
        assert not stores.lives(issued["c"])

    def test_rows_of_missing_people_are_purged(self, stores: Stores) -> None:
        """Confirmed rows are deleted once the limit no longer counts them, or no grant is left."""
        miss(stores, (ONE, TWO), subject="a")
        miss(stores, subject="b")
        stores.clock.now += DAY
        miss(stores, subject="c")
        assert {row["subject"] for row in stores.rows("missing_person")} == {"b", "c"}
        stores.clock.now += 179 * DAY
        assert miss(stores, subject="b").absence is MissingPerson.UNCERTAIN
        assert {row["subject"] for row in stores.rows("missing_person")} == {"b", "c"}

    def test_row_and_end_are_one_transaction(self, stores: Stores) -> None:
        """The row and the end of the grants are committed once; if the audit row fails, neither is stored."""
        issued = stores.issue()
        with stores.counted_commits() as commits:
            miss(stores)
        assert len(commits) == 1
        broken = stores.audit(cast("str", None), subject=ALICE)
        with pytest.raises(StoreUnavailable):
            MissingPersonStore().missed(ALICE, (TWO,), broken)
        assert stores.lives(issued)
        assert [row["confirmed_at"] for row in stores.rows("missing_person")] == [None]
        with stores.counted_commits() as commits:
            assert miss(stores, (TWO,)).absence is MissingPerson.GONE
        assert len(commits) == 1

    def test_concurrent_misses_store_one_row(self, stores: Stores) -> None:
        """16 threads that miss the same person store one row, and none fails."""
        start = Barrier(THREADS)

        def look(_: int) -> MissingPerson:
            with stores.site.app.app_context():
                start.wait()
                return miss(stores).absence

        with ThreadPoolExecutor(THREADS) as pool:
            assert set(pool.map(look, range(THREADS))) == {MissingPerson.UNCERTAIN}
        assert len(stores.rows("missing_person")) == 1
