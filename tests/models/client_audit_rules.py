"""Every database stores each change of a client with its audit row."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from models import ImportedClient, Registration, StoreUnavailable, import_clients
from tests.fakes import OPERATOR
from tests.models.stores import Stores

CHANGES: dict[str, Callable[[Stores, str], object]] = {
    "client.updated": lambda stores, client: stores.clients.update(
        client, {"scope": "a", "owner": "me"}, actor=OPERATOR
    ),
    "client.secret_rotated": lambda stores, client: stores.clients.rotate_secret(
        client, old_not_after=stores.now, actor=OPERATOR
    ),
    "client.secret_retired": lambda stores, client: stores.clients.retire_secret(client, 1, actor=OPERATOR),
    "client.disabled": lambda stores, client: stores.clients.disable(client, actor=OPERATOR),
    "client.created": lambda stores, _: stores.clients.create(
        Registration(client_name="new"), actor=OPERATOR
    ),
    "client.imported": lambda stores, _: take_over(stores, "theirs"),
}
REASONS = {
    "client.updated": "owner, scope",
    "client.secret_retired": "secret 1",
}


@contextmanager
def without_audit(stores: Stores) -> Iterator[None]:
    """Remove the audit table until the block ends."""
    with stores.engine.begin() as connection:
        connection.execute(text("ALTER TABLE audit_event RENAME TO audit_away"))
    try:
        yield
    finally:
        with stores.engine.begin() as connection:
            connection.execute(text("ALTER TABLE audit_away RENAME TO audit_event"))


def take_over(stores: Stores, *client_ids: str) -> None:
    """Import clients without a secret."""
    registration = Registration(client_name="theirs", token_endpoint_auth_method="none")
    clients = [ImportedClient(client_id=each, registration=registration) for each in client_ids]
    import_clients(clients, stores.clients.hasher, stores.now, actor=OPERATOR)


class ClientAuditRules:
    """Each change of a client has an audit row in the same transaction."""

    @pytest.mark.parametrize("change", CHANGES)
    def test_change_has_an_audit_row(self, stores: Stores, change: str) -> None:
        """The row names the time, the client and the actor."""
        client_id, _ = stores.register()
        CHANGES[change](stores, client_id)
        (row,) = stores.rows("audit_event")
        ids = {each.client_id for each in stores.clients.list()}
        about = client_id if len(ids) == 1 else (ids - {client_id}).pop()
        assert (row["event"], row["at"], row["client_id"]) == (change, stores.now, about)
        assert (row["actor"], row["reason"]) == ("operator", REASONS.get(change))

    @pytest.mark.parametrize("change", CHANGES)
    def test_change_is_not_stored_without_its_audit_row(self, stores: Stores, change: str) -> None:
        """If the audit row cannot be stored, the client is not changed."""
        client_id, _ = stores.register()
        before = stores.rows("client"), stores.rows("client_secret")
        with without_audit(stores), pytest.raises(StoreUnavailable):
            CHANGES[change](stores, client_id)
        assert (stores.rows("client"), stores.rows("client_secret")) == before

    def test_deletion_has_two_audit_rows(self, stores: Stores) -> None:
        """A deleted client is disabled first; each step has its own row."""
        client_id, _ = stores.register()
        stores.clients.delete(client_id, actor=OPERATOR)
        events = [(row["event"], row["client_id"]) for row in stores.rows("audit_event")]
        assert events == [("client.disabled", client_id), ("client.deleted", client_id)]

    def test_each_imported_client_has_an_audit_row(self, stores: Stores) -> None:
        """An import stores a row for each client."""
        take_over(stores, "one", "two")
        assert [row["client_id"] for row in stores.rows("audit_event")] == ["one", "two"]

    def test_long_list_of_changes_is_cut_to_the_column(self, stores: Stores) -> None:
        """A change of every field is audited; the list of fields is cut at the column's length."""
        client_id, _ = stores.register()
        changes: dict[str, object] = {
            "owner": "me",
            "default_scope": None,
            "grant_types": [],
            "redirect_uris": [],
            "flags": {},
        }
        stores.clients.update(
            client_id, {**changes, "scope": "", "resource_server": True, "audiences": []}, actor=OPERATOR
        )
        (row,) = stores.rows("audit_event")
        assert row["reason"].startswith("audiences, default_scope, ")
        assert len(row["reason"]) <= 64

    @pytest.mark.parametrize("change", ["client.created", "client.updated", "client.disabled"])
    def test_change_is_returned_if_another_operator_deletes_the_client_at_once(
        self, stores: Stores, change: str
    ) -> None:
        """The change was stored, so the operator who made it sees no error."""
        client_id, _ = stores.register()

        def delete(_: Session) -> None:
            with stores.engine.begin() as connection:
                connection.execute(text("DELETE FROM client_secret"))
                connection.execute(text("DELETE FROM client"))

        event.listen(Session, "after_commit", delete)
        try:
            CHANGES[change](stores, client_id)
        finally:
            event.remove(Session, "after_commit", delete)
        assert [row["event"] for row in stores.rows("audit_event")] == [change]
        assert stores.clients.list() == []

    def test_audit_row_holds_no_secret(self, stores: Stores) -> None:
        """No audit row contains a client secret."""
        client_id, secret = stores.register()
        new = stores.clients.rotate_secret(client_id, old_not_after=stores.now, actor=OPERATOR)
        audited = str(stores.rows("audit_event"))
        assert secret not in audited
        assert new not in audited
