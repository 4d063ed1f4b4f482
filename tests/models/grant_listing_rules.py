"""What every database must do when an operator looks for grants, and ends them."""

import pytest

from models import Selection, end_grants, list_grants, subjects_of
from tests.models.stores import Issued, Stores

ALICE, BOB = "subject-of-alice", "subject-of-bob"
CHUNKS = pytest.mark.parametrize("rows", [1, 2, 3, 100])


class GrantListingRules:
    """Listing and ending by grant, person, client and time."""

    def test_listed_grant_tells_what_it_is(self, stores: Stores) -> None:
        """A grant is listed with its client's name, its person, its scope and its times."""
        client_id, _ = stores.register("Library")
        issued = stores.issue(client_id)
        (found,), more = list_grants(Selection(), stores.now, limit=10)
        assert (found.id, found.client_id, found.client_name) == (issued.grant_id, client_id, "Library")
        assert (found.net_id, found.subject, found.scope) == ("alice", ALICE, "profile email")
        assert (found.auth_time, found.live_until, more) == (stores.now, stores.now + 86_400, False)

    @CHUNKS
    @pytest.mark.parametrize("limit", [1, 3, 4, 5])
    def test_list_is_bounded_and_newest_first(self, stores: Stores, rows: int, limit: int) -> None:
        """No more than `limit` are listed, the newest, and it is said whether there are more."""
        ids = []
        for _ in range(4):
            stores.clock.now += 3600
            ids.append(stores.issue().grant_id)
        found, more = list_grants(Selection(), stores.now, limit=limit, chunk_rows=rows)
        assert [each.id for each in found] == ids[::-1][:limit]
        assert more == (limit < 4)

    @CHUNKS
    def test_selection_means_all_that_is_named(self, stores: Stores, rows: int) -> None:
        """A grant is meant where it matches person, client, time and id at once; what is not named is any."""
        mine, other, bobs = self._three(stores)
        before = stores.now - 1
        for chosen, meant in (
            (Selection(), {mine, other, bobs}),
            (Selection(client_id="mine"), {mine, bobs}),
            (Selection(subjects=[ALICE]), {mine, other}),
            (Selection(subjects=[ALICE, BOB], client_id="mine"), {mine, bobs}),
            (Selection(subjects=[]), set()),
            (Selection(before=before), {mine}),
            (Selection(client_id="mine", before=before + 1), {mine}),
            (Selection(grant_id=mine), {mine}),
            (Selection(grant_id=mine, subjects=[BOB]), set()),
        ):
            found, _ = list_grants(chosen, stores.now, limit=10, chunk_rows=rows)
            assert {each.id for each in found} == meant, chosen

    def test_dead_grants_are_not_listed(self, stores: Stores) -> None:
        """What was revoked, or ended by itself, is listed no more."""
        revoked = stores.issue()
        stores.grants.revoke_refresh_token(revoked.refresh, stores.audit("token.revoked"))
        stores.issue(access_ttl=60, refresh_ttl=None)
        assert len(list_grants(Selection(), stores.now, limit=10)[0]) == 1
        assert list_grants(Selection(), stores.now + 60, limit=10) == ([], False)

    @CHUNKS
    @pytest.mark.parametrize("chosen", [Selection(client_id="mine"), Selection(subjects=[ALICE])])
    def test_chosen_grants_end_and_no_other(self, stores: Stores, chosen: Selection, rows: int) -> None:
        """Every grant that is meant ends with its tokens, in however many batches, and others live on."""
        mine = [stores.issue("mine") for _ in range(5)]
        other = stores.issue("another", subject=BOB)
        event = stores.audit("grant.revoked", reason="operator")
        assert end_grants(chosen, event, stores.now, batch=2, chunk_rows=rows) == 5
        assert not any(map(stores.lives, mine))
        assert stores.lives(other)
        assert end_grants(chosen, event, stores.now, batch=2, chunk_rows=rows) == 0

    def test_one_audit_row_tells_of_all(self, stores: Stores) -> None:
        """However many batches it took, one row tells how many ended; none where none did."""
        for _ in range(5):
            stores.issue()
        event = stores.audit("grant.revoked", reason="operator", subject=ALICE)
        for _ in range(2):
            end_grants(Selection(subjects=[ALICE]), event, stores.now, batch=2)
        (told,) = (row for row in stores.rows("audit_event") if row["event"] == "grant.revoked")
        assert (told["reason"], told["subject"]) == ("operator: 5 ended", ALICE)

    def test_a_batch_is_a_transaction(self, stores: Stores) -> None:
        """No more grants end in one transaction than was said, so that nobody waits for long."""
        for _ in range(5):
            stores.issue()
        with stores.counted_commits() as commits:
            end_grants(Selection(subjects=[ALICE]), stores.audit(reason="operator"), stores.now, batch=2)
        assert len(commits) == 3 + 1

    def test_subject_is_meant_before_a_net_id(self, stores: Stores) -> None:
        """A word that is some grant's subject means that person; else whoever had it as a Net ID."""
        stores.issue(subject="x", net_id="alice")
        stores.issue(subject="y", net_id="x")
        assert subjects_of("x") == ("x",)
        assert subjects_of("alice") == ["x"]

    @CHUNKS
    def test_net_id_of_two_people(self, stores: Stores, rows: int) -> None:
        """Where a Net ID went from one person to another, both are told."""
        for subject in ("second", "first", "second", None):
            stores.issue(subject=subject, net_id="alice")
        stores.issue(subject="third", net_id="bob")
        assert subjects_of("alice", chunk_rows=rows) == ["first", "second"]

    @pytest.mark.parametrize("strange", ["", "nobody", "a\0b", "\udcff", "' OR 1=1 --", "x" * 10_000])
    def test_strange_person_is_nobody(self, stores: Stores, strange: str) -> None:
        """What could be no person's name finds nobody, and is no error."""
        stores.issue()
        assert list(subjects_of(strange)) == []

    def _three(self, stores: Stores) -> tuple[bytes, bytes, bytes]:
        """Of alice with `mine`; two seconds later with another; and of bob with `mine`."""
        mine: Issued = stores.issue("mine")
        stores.clock.now += 2
        return (
            mine.grant_id,
            stores.issue("another").grant_id,
            stores.issue("mine", subject=BOB, net_id="bob").grant_id,
        )
