"""The audit table: merged refusals, listing, and the purge of old rows."""

from dataclasses import replace

from models import AuditSelection, RefusalLedger, list_events, purge_audit, record, roll_up
from telemetry import AuditEvent
from tests.models.stores import Place, Stores

MINUTE = 60


def refusal(stores: Stores, **changes: object) -> AuditEvent:
    """A refusal of a wrong password, as of now."""
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
    """Audit rows outside a token's transaction."""

    def test_single_refusal_is_written_at_once(self, stores: Stores) -> None:
        """After a quiet time, a refusal is stored at once as its own row, with every known field."""
        ledger = RefusalLedger(stores.clock)
        ledger.note(refusal(stores))
        (row,) = stores.rows("audit_event")
        del row["id"]
        assert row == dict(refusal(stores).fields())

    def test_flood_is_one_write_a_minute(self, stores: Stores) -> None:
        """A thousand equal refusals are one row with their number, in at most one transaction a minute."""
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

    def test_merged_row_keeps_only_fields_on_which_all_refusals_agree(self, stores: Stores) -> None:
        """A merged row leaves out the fields in which its refusals differ."""
        ledger = RefusalLedger(stores.clock)
        ledger.note(refusal(stores, reason="first"))
        ledger.note(refusal(stores, name_digest="x"))
        ledger.note(refusal(stores, name_digest="x", address="192.0.2.2", request_id="q"))
        ledger.write()
        row = stores.rows("audit_event")[-1]
        assert (row["times"], row["name_digest"], row["reason"]) == (2, "x", "wrong_password")
        assert (row["address"], row["request_id"], row["duration_ms"]) == (None, None, None)

    def test_refusals_of_many_people_are_merged_into_few_rows(self, stores: Stores) -> None:
        """An attacker who tries many names fills neither the memory nor the table."""
        ledger = RefusalLedger(stores.clock, most=3)
        for number in range(50):
            ledger.note(refusal(stores, subject=f"s{number}"))
        ledger.write()
        rows = stores.rows("audit_event")
        assert len(rows) == 5
        assert sum(row["times"] or 1 for row in rows) == 50
        assert rows[-1]["subject"] is None

    def test_refusals_wait_until_the_database_is_back(self, hurried: Stores, place: Place) -> None:
        """A refusal that cannot be stored raises nothing, and is stored once the database is back."""
        ledger = RefusalLedger(hurried.clock)
        with place.held():
            ledger.note(refusal(hurried))
            ledger.note(refusal(hurried))
        hurried.clock.now += MINUTE
        ledger.write_due()
        (row,) = hurried.rows("audit_event")
        assert row["times"] == 2

    def test_no_waiting_refusal_costs_no_statement(self, stores: Stores) -> None:
        """If no refusal waits, the ledger sends no statement to the database."""
        ledger = RefusalLedger(stores.clock)
        with stores.counted_commits() as commits:
            ledger.write_due()
            ledger.write()
        assert commits == []

    def test_clock_set_back_does_not_delay_the_audit(self, stores: Stores) -> None:
        """After the clock was set back, refusals are stored as usual."""
        ledger = RefusalLedger(stores.clock)
        ledger.note(refusal(stores))
        stores.clock.now -= 86_400
        ledger.note(refusal(stores))
        assert len(stores.rows("audit_event")) == 2

    def test_events_are_listed_newest_first(self, stores: Stores) -> None:
        """The table is read in chunks, back to `since` and no further."""
        for age in range(20, 0, -1):
            record(replace(stores.audit(f"e{age}"), at=stores.now - age * 1000))
        for rows in (1, 3, 100):
            found, more = list_events(AuditSelection(since=stores.now - 5000), limit=10, chunk_rows=rows)
            assert [each.event.event for each in found] == ["e1", "e2", "e3", "e4", "e5"]
            assert not more
            found, more = list_events(AuditSelection(since=0), limit=3, chunk_rows=rows)
            assert [each.event.event for each in found] == ["e1", "e2", "e3"]
            assert more

    def test_events_are_selected_by_each_filter(self, stores: Stores) -> None:
        """Filters are person, client, digest and event name. Only a final star is a wildcard."""
        record(stores.audit("token.issued", client_id="a", subject="s"))
        record(stores.audit("token.revoked", client_id="b", subject="s"))
        record(stores.audit("tokenXissued", client_id="b", name_digest="d", request_id="r"))

        def names(**chosen: object) -> list[str]:
            selection = AuditSelection(since=0, **chosen)  # type: ignore[arg-type]
            return [each.event.event for each in list_events(selection, limit=10)[0]]

        assert names(subjects=["s"]) == ["token.revoked", "token.issued"]
        assert names(client_id="b", subjects=["s"]) == ["token.revoked"]
        assert names(name_digest="d") == ["tokenXissued"]
        assert names(event="token.*") == ["token.revoked", "token.issued"]
        assert names(event="token_issued") == []
        assert names(event="token%*") == []
        assert names(subjects=[]) == []
        assert names(request_id="r") == ["tokenXissued"]
        assert names(request_id="q") == []
        assert names(until=stores.now) == []
        assert len(names(until=stores.now + 1)) == 3

    def test_events_are_listed_in_order_of_time(self, stores: Stores) -> None:
        """A refusal may be stored later than newer events, and is listed at its own time."""
        ages = [50, 40, 10, 60, 0, 45, 90]
        for age in ages:
            record(replace(stores.audit(f"e{age}"), at=stores.now - age))
        for rows in (1, 2, 3, 100):
            for limit in (1, 3, 7):
                found, more = list_events(AuditSelection(since=0), limit=limit, chunk_rows=rows)
                expected = [f"e{age}" for age in sorted(ages)]
                assert ([each.event.event for each in found], more) == (expected[:limit], limit < len(ages))

    def test_late_row_of_an_old_refusal_hides_no_event(self, stores: Stores) -> None:
        """After an outage, rows of old refusals lie between newer rows; the list goes on below them."""
        for age in (900, 800, 700, 50_000, 600, 500, 40_000):
            record(replace(stores.audit(f"e{age}"), at=stores.now - age))
        found, _ = list_events(AuditSelection(since=stores.now - 1000), limit=10, chunk_rows=2)
        assert [each.event.event for each in found] == ["e500", "e600", "e700", "e800", "e900"]

    def test_listed_event_has_its_clients_name(self, stores: Stores) -> None:
        """A deleted client has no name any more, and its events are listed all the same."""
        client_id, _ = stores.register("Library")
        record(stores.audit("token.issued", client_id=client_id))
        record(stores.audit("token.issued", client_id="deleted"))
        found, _ = list_events(AuditSelection(since=0), limit=10)
        assert [(each.event.client_id, each.client_name) for each in found] == [
            ("deleted", None),
            (client_id, "Library"),
        ]

    def test_old_events_are_purged_in_batches(self, stores: Stores) -> None:
        """Events past their retention time are deleted oldest first, a few rows a transaction."""
        for age in range(10, 0, -1):
            record(replace(stores.audit("e"), at=stores.now - age * 1000))
        roll_up(stores.now, lag=0)
        with stores.counted_commits() as commits:
            assert purge_audit(stores.now - 3000, batch=3) == 7
        assert len(commits) == 3
        assert [row["at"] for row in stores.rows("audit_event")] == [stores.now - a * 1000 for a in (3, 2, 1)]
        assert purge_audit(stores.now - 3000) == 0
