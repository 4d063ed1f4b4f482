"""Every database lists and ends the grants that an operator selects."""

import pytest

from models import Selection, end_grants, list_grants, subjects_of
from tests.models.stores import Issued, Stores

ALICE, BOB = "subject-of-alice", "subject-of-bob"
CHUNKS = pytest.mark.parametrize("rows", [1, 2, 3, 100])


class GrantListingRules:
    """Listing and ending by grant, person, client and time."""

    def test_listed_grant_has_client_person_scope_and_times(self, stores: Stores) -> None:
        """A listed grant has its client's name, its person, its scope and its times."""
        client_id, _ = stores.register("Library")
        issued = stores.issue(client_id)
        (found,), more = list_grants(Selection(), stores.now, limit=10)
        assert (found.id, found.client_id, found.client_name) == (issued.grant_id, client_id, "Library")
        assert (found.net_id, found.subject, found.scope) == ("alice", ALICE, "profile email")
        assert (found.auth_time, found.live_until, more) == (stores.now, stores.now + 86_400, False)

    @CHUNKS
    @pytest.mark.parametrize("limit", [1, 3, 4, 5])
    def test_list_is_bounded_and_newest_first(self, stores: Stores, rows: int, limit: int) -> None:
        """At most `limit` grants are listed, the newest, with a flag for more."""
        ids = []
        for _ in range(4):
            stores.clock.now += 3600
            ids.append(stores.issue().grant_id)
        found, more = list_grants(Selection(), stores.now, limit=limit, chunk_rows=rows)
        assert [each.id for each in found] == ids[::-1][:limit]
        assert more == (limit < 4)

    @CHUNKS
    def test_selection_matches_every_given_value(self, stores: Stores, rows: int) -> None:
        """A selected grant matches person, client, time and id at once. A missing value matches any."""
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
        """Revoked and expired grants are not listed."""
        revoked = stores.issue()
        stores.grants.revoke_refresh_token(revoked.refresh, stores.audit("token.revoked"))
        stores.issue(access_ttl=60, refresh_ttl=None)
        assert len(list_grants(Selection(), stores.now, limit=10)[0]) == 1
        assert list_grants(Selection(), stores.now + 60, limit=10) == ([], False)

    @CHUNKS
    @pytest.mark.parametrize("chosen", [Selection(client_id="mine"), Selection(subjects=[ALICE])])
    def test_selected_grants_end_and_no_others(self, stores: Stores, chosen: Selection, rows: int) -> None:
        """Every selected grant ends with its tokens, in any number of batches. Others live on."""
        mine = [stores.issue("mine") for _ in range(5)]
        other = stores.issue("another", subject=BOB)
        event = stores.audit("grant.revoked", reason="operator")
        assert end_grants(chosen, event, stores.now, batch=2, chunk_rows=rows) == 5
        assert not any(map(stores.lives, mine))
        assert stores.lives(other)
        assert end_grants(chosen, event, stores.now, batch=2, chunk_rows=rows) == 0

    def test_one_audit_row_has_the_number_of_ended_grants(self, stores: Stores) -> None:
        """Any number of batches makes one row; there is no row if no grant ended."""
        for _ in range(5):
            stores.issue()
        event = stores.audit("grant.revoked", reason="operator", subject=ALICE)
        for _ in range(2):
            end_grants(Selection(subjects=[ALICE]), event, stores.now, batch=2)
        (audited,) = (row for row in stores.rows("audit_event") if row["event"] == "grant.revoked")
        assert (audited["reason"], audited["subject"]) == ("operator: 5 ended", ALICE)

    def test_each_batch_is_a_transaction(self, stores: Stores) -> None:
        """No transaction ends more grants than the batch size, so that no writer waits for long."""
        for _ in range(5):
            stores.issue()
        with stores.counted_commits() as commits:
            end_grants(Selection(subjects=[ALICE]), stores.audit(reason="operator"), stores.now, batch=2)
        assert len(commits) == 3 + 1

    def test_stable_id_takes_precedence_over_a_net_id(self, stores: Stores) -> None:
        """A word that is a stable id means that person; otherwise it is read as a Net ID."""
        stores.issue(subject="x", net_id="alice")
        stores.issue(subject="y", net_id="x")
        assert subjects_of("x") == ("x",)
        assert subjects_of("alice") == ["x"]

    @CHUNKS
    def test_net_id_given_to_another_person_means_both(self, stores: Stores, rows: int) -> None:
        """If a Net ID went from one person to another, both stable ids are returned."""
        for subject in ("second", "first", "second", None):
            stores.issue(subject=subject, net_id="alice")
        stores.issue(subject="third", net_id="bob")
        assert subjects_of("alice", chunk_rows=rows) == ["first", "second"]

    @pytest.mark.parametrize("strange", ["", "nobody", "a\0b", "\udcff", "' OR 1=1 --", "x" * 10_000])
    def test_impossible_name_finds_nobody(self, stores: Stores, strange: str) -> None:
        """A text that cannot be a name finds nobody, and is no error."""
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
