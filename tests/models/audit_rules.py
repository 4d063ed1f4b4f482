"""What becomes of the audit table: refusals in few rows, questions to it, and its end."""

from dataclasses import replace

from models import AuditSelection, RefusalLedger, list_events, purge_audit, record
from telemetry import AuditEvent
from tests.models.stores import Place, Stores

MINUTE = 60


def refusal(stores: Stores, **changes: object) -> AuditEvent:
    """A wrong password of now."""
    event = stores.audit(
        "grant.refused",
        client_id="a-client",
        subject="s",
        reason="wrong_password",
        address="192.0.2.1",
        request_id="r",
        duration_ms=9,
    )
    return replace(event, **changes)  # type: ignore[arg-type]


class AuditRules:
    """The audit beside the rows that belong to a token."""

    def test_single_refusal_is_written_at_once(self, stores: Stores) -> None:
        """After a quiet time a refusal is a row of its own, with all that is known."""
        ledger = RefusalLedger(stores.clock)
        ledger.note(refusal(stores))
        (row,) = stores.rows("audit_event")
        del row["id"]
        assert row == dict(refusal(stores).fields())

    def test_flood_is_one_write_a_minute(self, stores: Stores) -> None:
        """A thousand refusals are a row and its number, and no more than one transaction a minute."""
        ledger = RefusalLedger(stores.clock)
        with stores.counted_commits() as commits:
            for number in range(1001):
                ledger.note(refusal(stores, address=f"192.0.2.{number % 9}"))
            assert len(commits) == 1
            stores.clock.now += MINUTE
            ledger.note(refusal(stores, subject="another"))
            assert len(commits) == 2
        rows = stores.rows("audit_event")
        assert [row["times"] for row in rows] == [None, 1000, None]
        assert [row["subject"] for row in rows] == ["s", "s", "another"]

    def test_merged_row_tells_what_all_share(self, stores: Stores) -> None:
        """What differs among the refusals of a row is left out of it."""
        ledger = RefusalLedger(stores.clock)
        ledger.note(refusal(stores, reason="first"))
        ledger.note(refusal(stores, name_digest="x"))
        ledger.note(refusal(stores, name_digest="x", address="192.0.2.2", request_id="q"))
        ledger.write()
        row = stores.rows("audit_event")[-1]
        assert (row["times"], row["name_digest"], row["reason"]) == (2, "x", "wrong_password")
        assert (row["address"], row["request_id"], row["duration_ms"]) == (None, None, None)

    def test_many_people_make_few_rows(self, stores: Stores) -> None:
        """Names tried one after the other cannot fill the memory, nor the table."""
        ledger = RefusalLedger(stores.clock, most=3)
        for number in range(50):
            ledger.note(refusal(stores, subject=f"s{number}"))
        ledger.write()
        rows = stores.rows("audit_event")
        assert len(rows) == 5
        assert sum(row["times"] or 1 for row in rows) == 50
        assert rows[-1]["subject"] is None

    def test_refusals_wait_for_a_database(self, hurried: Stores, place: Place) -> None:
        """What cannot be written stops nobody, and is written once it can be."""
        ledger = RefusalLedger(hurried.clock)
        with place.held():
            ledger.note(refusal(hurried))
            ledger.note(refusal(hurried))
        hurried.clock.now += MINUTE
        ledger.write_due()
        (row,) = hurried.rows("audit_event")
        assert row["times"] == 2

    def test_nothing_due_costs_nothing(self, stores: Stores) -> None:
        """Whoever asks whether something waits asks no database."""
        ledger = RefusalLedger(stores.clock)
        with stores.counted_commits() as commits:
            ledger.write_due()
            ledger.write()
        assert commits == []

    def test_clock_that_goes_back_holds_nothing_up(self, stores: Stores) -> None:
        """A clock that was set back does not silence the audit until it has caught up."""
        ledger = RefusalLedger(stores.clock)
        ledger.note(refusal(stores))
        stores.clock.now -= 86_400
        ledger.note(refusal(stores))
        assert len(stores.rows("audit_event")) == 2

    def test_events_are_listed_newest_first(self, stores: Stores) -> None:
        """The table is read in chunks, as far back as `since` and no further."""
        for age in range(20, 0, -1):
            record(replace(stores.audit(f"e{age}"), at=stores.now - age * 1000))
        for rows in (1, 3, 100):
            found, more = list_events(AuditSelection(since=stores.now - 5000), limit=10, chunk_rows=rows)
            assert [event.event for event in found] == ["e1", "e2", "e3", "e4", "e5"]
            assert not more
            found, more = list_events(AuditSelection(since=0), limit=3, chunk_rows=rows)
            assert [event.event for event in found] == ["e1", "e2", "e3"]
            assert more

    def test_events_are_chosen(self, stores: Stores) -> None:
        """By person, client, digest and name; a star stands for the rest of a name, and nothing else does."""
        record(stores.audit("token.issued", client_id="a", subject="s"))
        record(stores.audit("token.revoked", client_id="b", subject="s"))
        record(stores.audit("tokenXissued", client_id="b", name_digest="d"))

        def names(**chosen: object) -> list[str]:
            selection = AuditSelection(since=0, **chosen)  # type: ignore[arg-type]
            return [event.event for event in list_events(selection, limit=10)[0]]

        assert names(subjects=["s"]) == ["token.revoked", "token.issued"]
        assert names(client_id="b", subjects=["s"]) == ["token.revoked"]
        assert names(name_digest="d") == ["tokenXissued"]
        assert names(event="token.*") == ["token.revoked", "token.issued"]
        assert names(event="token_issued") == []
        assert names(event="token%*") == []
        assert names(subjects=[]) == []

    def test_old_events_go_in_batches(self, stores: Stores) -> None:
        """What is past its days goes, oldest first, a few rows a transaction; the rest stays."""
        for age in range(10, 0, -1):
            record(replace(stores.audit("e"), at=stores.now - age * 1000))
        with stores.counted_commits() as commits:
            assert purge_audit(stores.now - 3000, batch=3) == 7
        assert len(commits) == 3
        assert [row["at"] for row in stores.rows("audit_event")] == [stores.now - a * 1000 for a in (3, 2, 1)]
        assert purge_audit(stores.now - 3000) == 0
