"""Every database caps the grants of programs that log a person in at every call."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from models import GrantCap, people_at_cap
from tests.models.stores import Issued, Stores

THREADS = 16


class GrantCapRules:
    """The cap on live grants of one person with one client."""

    def test_grants_beyond_the_cap_end(self, stores: Stores) -> None:
        """An issue beyond the cap ends the grants that were idle longest. The new one and the rest live."""
        stores.cap_grants(3)
        issued = [self._later(stores) for _ in range(5)]
        assert [stores.lives(each) for each in issued] == [False, False, True, True, True]

    def test_refreshed_grant_is_not_idle(self, stores: Stores) -> None:
        """A grant that was refreshed counts as younger than one that was made later."""
        stores.cap_grants(2)
        first, second = self._later(stores), self._later(stores)
        stores.clock.now += 10
        assert stores.rotate(first.refresh, stores.found(first.refresh))
        third = self._later(stores)
        assert [stores.lives(each) for each in (first, second, third)] == [True, False, True]

    def test_cap_counts_one_person_with_one_client(self, stores: Stores) -> None:
        """Grants of other people, other clients and programs without a user neither count nor end."""
        stores.cap_grants(1)
        kept = [
            stores.issue(),
            stores.issue("another"),
            stores.issue(subject="subject-of-bob", net_id="bob"),
            *(stores.issue(subject=None, net_id=None) for _ in range(2)),
        ]
        assert all(map(stores.lives, kept))

    def test_refresh_token_of_a_capped_grant_is_dead(self, stores: Stores) -> None:
        """The refresh token of a grant that the cap ended is dead, and its use is no theft."""
        stores.cap_grants(1)
        first = self._later(stores)
        self._later(stores)
        assert stores.refreshes.find(first.refresh) is None

    def test_dead_grants_do_not_count_towards_the_cap(self, stores: Stores) -> None:
        """Revoked and expired grants that wait for the purge end no live grant."""
        stores.cap_grants(2)
        first = self._later(stores)
        revoked = self._later(stores)
        stores.grants.revoke_refresh_token(revoked.refresh, stores.audit("token.revoked"))
        self._later(stores)
        assert stores.lives(first)

    def test_end_by_the_cap_is_audited(self, stores: Stores) -> None:
        """One audit row has the client, the person and the number of ended grants."""
        stores.cap_grants(1)
        stores.issue(event=stores.audit(client_id="a-client", subject="subject-of-alice"))
        stores.issue(event=stores.audit(client_id="a-client", subject="subject-of-alice"))
        audited = stores.rows("audit_event")[-1]
        assert (audited["event"], audited["reason"]) == ("grant.revoked", "cap: 1 ended")
        assert (audited["client_id"], audited["subject"]) == ("a-client", "subject-of-alice")

    def test_issue_and_cap_are_one_transaction(self, stores: Stores) -> None:
        """The grants that the cap ends are committed with the issue."""
        stores.cap_grants(1)
        stores.issue()
        with stores.counted_commits() as commits:
            stores.issue()
        assert len(commits) == 1

    def test_one_issue_in_five_looks_at_a_cap_of_50(self, stores: Stores) -> None:
        """One process exceeds a cap of 50 by no more than four."""
        cap = GrantCap(50)
        looks = [cap.is_due("a-client", "subject-of-alice") for _ in range(100)]
        assert sum(looks) == 20
        assert all(any(looks[at : at + 5]) for at in range(96))

    def test_script_that_logs_in_often_keeps_few_rows(self, stores: Stores) -> None:
        """The table keeps as many grants of a program as the cap allows, however often it logs in."""
        stores.cap_grants(2)
        for _ in range(10):
            self._later(stores)
        assert stores.counts()["grant"] == 2

    def test_concurrent_logins_at_the_cap_all_succeed(self, stores: Stores) -> None:
        """16 threads at the cap all get a token, and the next issue leaves no more than the cap."""
        stores.cap_grants(2)
        stores.issue()
        start = Barrier(THREADS)

        def login(_: int) -> Issued:
            with stores.site.app.app_context():
                start.wait()
                return stores.issue()

        with ThreadPoolExecutor(THREADS) as pool:
            assert len(list(pool.map(login, range(THREADS)))) == THREADS
        last = self._later(stores)
        assert stores.lives(last)
        assert stores.counts()["grant"] == 2

    def test_people_at_the_cap_are_counted(self, stores: Stores) -> None:
        """For each client, counts people with as many live grants as the cap, whatever the chunk size."""
        for subject, grants in (("a", 3), ("b", 2), ("c", 4), (None, 5)):
            for _ in range(grants):
                stores.issue(subject=subject)
        stores.issue("another", subject="a")
        for rows in (1, 2, 3, 100):
            assert people_at_cap(3, stores.now, chunk_rows=rows) == {"a-client": 2}

    def test_dead_grants_put_nobody_at_the_cap(self, stores: Stores) -> None:
        """A person whose many grants have expired is not at the cap."""
        for _ in range(3):
            stores.issue(access_ttl=60, refresh_ttl=None)
        assert people_at_cap(3, stores.now) == {"a-client": 1}
        assert people_at_cap(3, stores.now + 60) == {}

    def _later(self, stores: Stores) -> Issued:
        stores.clock.now += 1
        return stores.issue()
