"""A use case and its audit row are one transaction: neither is stored without the other."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from admin.client_import import import_clients
from admin.clients import create_client, disable_client, retire_secret, rotate_secret, update_client
from models import StoreUnavailable
from tests.admin.conftest import Office

ACTOR = "carol@console"
CLIENT = "Library"
THEIRS = '[{"client_id": "theirs", "client_secret": "a-secret-of-the-old-server-XyZ123"}]'


@dataclass(frozen=True)
class UseCase:
    """A use case, the table that it changes, its event, and the reason that the audit gives."""

    run: Callable[[Office], object]
    table: str
    event: str
    reason: str = ACTOR


USE_CASES = [
    UseCase(
        lambda office: create_client(office.services, "new", {}, actor=ACTOR), "client", "client.created"
    ),
    UseCase(
        lambda office: update_client(office.services, CLIENT, {"owner": "me"}, actor=ACTOR),
        "client",
        "client.updated",
        f"{ACTOR}: owner",
    ),
    UseCase(lambda office: disable_client(office.services, CLIENT, actor=ACTOR), "client", "client.disabled"),
    UseCase(
        lambda office: rotate_secret(office.services, CLIENT, old_not_after=office.services.now, actor=ACTOR),
        "client_secret",
        "client.secret_rotated",
    ),
    UseCase(
        lambda office: retire_secret(office.services, CLIENT, 1, actor=ACTOR),
        "client_secret",
        "client.secret_retired",
        f"{ACTOR}: secret 1",
    ),
    UseCase(lambda office: import_clients(office.services, THEIRS, actor=ACTOR), "client", "client.imported"),
]
EACH = pytest.mark.parametrize("use_case", USE_CASES, ids=lambda use_case: use_case.event)


def prepare(office: Office) -> None:
    """Store what the use cases change. The audit is empty afterwards."""
    office.stores.register(CLIENT)


class AtomicityRules:
    """Every change, with its row in the audit."""

    @EACH
    def test_change_has_an_audit_row_that_names_the_actor(self, office: Office, use_case: UseCase) -> None:
        """The audit says what was changed, and by whom."""
        prepare(office)
        use_case.run(office)
        (row,) = office.rows("audit_event")
        assert (row["event"], row["reason"], row["at"]) == (
            use_case.event,
            use_case.reason,
            office.services.now,
        )

    @EACH
    def test_change_is_one_transaction(self, office: Office, use_case: UseCase) -> None:
        """The change and its audit row are committed together."""
        prepare(office)
        with office.stores.counted_commits() as commits:
            use_case.run(office)
        assert len(commits) == 1 + (use_case.event == "client.disabled")

    @EACH
    def test_change_is_not_stored_without_its_audit_row(self, office: Office, use_case: UseCase) -> None:
        """If the audit row cannot be stored, nothing is changed."""
        prepare(office)
        before = office.rows(use_case.table)
        with office.without_audit(), pytest.raises(StoreUnavailable):
            use_case.run(office)
        assert office.rows(use_case.table) == before

    @EACH
    def test_audit_row_is_not_stored_without_the_change(self, office: Office, use_case: UseCase) -> None:
        """If the change cannot be stored, the audit says nothing of it."""
        prepare(office)
        with office.failing_writes(use_case.table), pytest.raises(StoreUnavailable, match="disk is full"):
            use_case.run(office)
        assert office.events() == []
