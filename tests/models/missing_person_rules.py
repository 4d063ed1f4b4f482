"""What every database must do with people whom the directory does not have any more."""

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
    """Not to find a person."""
    event = stores.audit("grant.revoked", subject=subject, reason="unknown_person")
    return MissingPersonStore(mass_removal_limit=limit).missed(subject, servers, event)


class MissingPersonRules:
    """When a person is believed gone, and what ends then."""

    @pytest.mark.parametrize("later", [0, 60, DAY - 1])
    @pytest.mark.parametrize("servers", [(), (ONE,), (ONE, ONE)])
    def test_one_word_of_one_day_ends_nothing(
        self, stores: Stores, later: int, servers: Sequence[str]
    ) -> None:
        """What one server says, however often within a day, ends nothing."""
        issued = stores.issue(access_ttl=2 * DAY)
        for _ in range(2):
            assert miss(stores, servers) == Missed(absence=MissingPerson.UNCERTAIN)
            stores.clock.now += later
        assert stores.lives(issued)

    @pytest.mark.parametrize("servers", [(), (ONE,)])
    def test_later_day_confirms(self, stores: Stores, servers: Sequence[str]) -> None:
        """A look that finds nobody a day after the first ends every grant, with any client; one row tells."""
        issued = [stores.issue(client, access_ttl=2 * DAY) for client in ("one", "two")]
        other = stores.issue(subject="subject-of-bob", access_ttl=2 * DAY)
        miss(stores, servers)
        stores.clock.now += DAY
        told = miss(stores, servers)
        assert (told.absence, told.event and told.event.reason) == (
            MissingPerson.GONE,
            "unknown_person: 2 ended",
        )
        assert [stores.lives(each) for each in (*issued, other)] == [False, False, True]
        assert [row["reason"] for row in stores.rows("audit_event")][3:] == ["unknown_person: 2 ended"]

    def test_another_server_confirms(self, stores: Stores) -> None:
        """Two servers that say so are believed, at once or one after the other."""
        for subject, words in (("a", [(ONE, TWO)]), ("b", [(ONE,), (TWO,)]), ("c", [(), (ONE, TWO)])):
            issued = stores.issue(subject=subject)
            assert [miss(stores, said, subject=subject).absence for said in words][-1] is MissingPerson.GONE
            assert not stores.lives(issued)

    def test_no_name_is_no_other_server(self, stores: Stores) -> None:
        """A directory that names no server confirms nothing that a server said."""
        issued = stores.issue()
        for said in ((), (ONE,), ()):
            assert miss(stores, said).absence is MissingPerson.UNCERTAIN
        assert stores.lives(issued)

    def test_found_again(self, stores: Stores) -> None:
        """Who was found again was never missed: the day begins anew."""
        issued = stores.issue(access_ttl=3 * DAY)
        miss(stores)
        assert stores.found(issued.refresh).missed
        MissingPersonStore().found(ALICE)
        assert not stores.found(issued.refresh).missed
        stores.clock.now += DAY
        assert miss(stores).absence is MissingPerson.UNCERTAIN
        assert stores.lives(issued)

    def test_only_whom_it_is_about_was_missed(self, stores: Stores) -> None:
        """A refresh token says whether its own person was missed; a program is nobody."""
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

    def test_gone_again_after_being_back(self, stores: Stores) -> None:
        """Who was believed gone, and has grants from later, is missed for the first time again."""
        miss(stores, (ONE, TWO))
        stores.clock.now += DAY
        issued = stores.issue()
        assert miss(stores).absence is MissingPerson.UNCERTAIN
        assert stores.lives(issued)

    def test_what_raced_with_the_end_ends_too(self, stores: Stores) -> None:
        """A grant that slipped through as its person's grants ended ends at its own next look."""
        miss(stores, (ONE, TWO))
        issued = stores.issue()
        assert miss(stores, (ONE,), limit=1).absence is MissingPerson.GONE
        assert not stores.lives(issued)

    def test_nothing_left_to_end(self, stores: Stores) -> None:
        """Where no grant lives nothing is audited."""
        stores.issue(access_ttl=60, refresh_ttl=None)
        stores.clock.now += 60
        assert miss(stores, (ONE, TWO)) == Missed(absence=MissingPerson.GONE)
        assert [row["event"] for row in stores.rows("audit_event")] == ["token.issued"]

    def test_no_more_people_than_the_limit_are_believed_gone(self, stores: Stores) -> None:
        """No more people than the limit allows are believed gone within a day; the others the day after."""
        issued = {subject: stores.issue(subject=subject, access_ttl=2 * DAY) for subject in "abc"}
        told = [miss(stores, (ONE, TWO), subject=subject, limit=2).absence for subject in "abc"]
        assert told == [MissingPerson.GONE, MissingPerson.GONE, MissingPerson.BRAKED]
        assert stores.lives(issued["c"])
        stores.clock.now += DAY - 1
        assert miss(stores, (TWO,), subject="c", limit=2).absence is MissingPerson.BRAKED
        stores.clock.now += 1
        assert miss(stores, subject="c", limit=2).absence is MissingPerson.GONE
        assert not stores.lives(issued["c"])

    def test_old_rows_go(self, stores: Stores) -> None:
        """People who are gone are forgotten once the limit no longer counts them, or no grant is left."""
        miss(stores, (ONE, TWO), subject="a")
        miss(stores, subject="b")
        stores.clock.now += DAY
        miss(stores, subject="c")
        assert {row["subject"] for row in stores.rows("missing_person")} == {"b", "c"}
        stores.clock.now += 179 * DAY
        assert miss(stores, subject="b").absence is MissingPerson.UNCERTAIN
        assert {row["subject"] for row in stores.rows("missing_person")} == {"b", "c"}

    def test_row_and_end_are_one_transaction(self, stores: Stores) -> None:
        """A miss that ends something commits once; where its audit row fails, nothing of it happened."""
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

    def test_misses_at_the_same_moment(self, stores: Stores) -> None:
        """Sixteen threads that miss the same person store one row, and none fails."""
        start = Barrier(THREADS)

        def look(_: int) -> MissingPerson:
            with stores.site.app.app_context():
                start.wait()
                return miss(stores).absence

        with ThreadPoolExecutor(THREADS) as pool:
            assert set(pool.map(look, range(THREADS))) == {MissingPerson.UNCERTAIN}
        assert len(stores.rows("missing_person")) == 1
