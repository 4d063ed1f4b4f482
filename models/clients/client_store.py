"""Registering, changing and finding clients and their secrets. Each change is audited in its transaction."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import bindparam, delete, func, inspect, select, update
from sqlalchemy.orm import Session

from models.base import connection, rows_changed, session, table
from models.clients.client import (
    SECRET_COLUMNS,
    Client,
    ClientCache,
    ClientSecret,
    Registration,
    clients_of,
)
from models.grants.grant_store import GrantStore
from models.keys.digest import SecretHasher, make_secret
from models.password_grant_tables import AppPasswordRow, ClientUserRow
from models.sign_in_tables import ConsentRow
from models.tables import AuditEventRow, ClientRow, ClientSecretRow
from telemetry import REASON_LENGTH, Actor, AuditEvent

_CLIENT, _SECRET = table(ClientRow), table(ClientSecretRow)
_SELECT_ALL = (
    select(*_CLIENT.c, *(_SECRET.c[name].label(f"secret_{name}") for name in SECRET_COLUMNS))
    .select_from(_CLIENT.outerjoin(_SECRET))
    .order_by(_CLIENT.c.client_name, _CLIENT.c.client_id, _SECRET.c.serial)
)
# For an unknown id, the first client is read instead, so that the time does not reveal which ids exist.
_FOUND = select(_CLIENT.c.client_id).where(_CLIENT.c.client_id == bindparam("client_id")).scalar_subquery()
_FIRST = select(func.min(_CLIENT.c.client_id)).scalar_subquery()
_SELECT_ONE = _SELECT_ALL.where(_CLIENT.c.client_id == func.coalesce(_FOUND, _FIRST))


class ClientStore:
    """The clients and their secrets in the database; `recent` is the cache for requests."""

    def __init__(
        self,
        hasher: SecretHasher,
        grants: GrantStore,
        clock: Callable[[], float],
        tell: Callable[[AuditEvent], None] = lambda _: None,
    ) -> None:
        """Open the store.

        Args:
            hasher: makes and compares digests of secrets.
            grants: ends the grants of a client that is disabled.
            clock: seconds since the epoch.
            tell: is called with the audit event of each change once it is stored.
        """
        self.hasher = hasher
        self._grants = grants
        self._clock = clock
        self._tell = tell
        self.recent = ClientCache(self.get, clock)

    def get(self, client_id: str) -> Client | None:
        """The client with its secrets in one read, or None.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        if not _is_id(client_id):
            return None
        with connection() as link:
            found = clients_of(link.execute(_SELECT_ONE, {"client_id": client_id}))
        return found[0] if found and found[0].client_id == client_id else None

    def list(self) -> Sequence[Client]:
        """Every client by name.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        with connection() as link:
            return clients_of(link.execute(_SELECT_ALL))

    def create(self, registration: Registration, *, actor: Actor) -> tuple[Client, str | None]:
        """Register a client, and return it with its secret, which is stored nowhere (None if public).

        Args:
            registration: what is registered.
            actor: who registers it, for the audit.

        Raises:
            StoreUnavailable: nothing was registered.
        """
        client_id = secrets.token_hex(12)
        secret = None
        with session() as work:
            work.add(ClientRow(**registration.row(client_id, self._now())))
            work.flush()
            if registration.token_endpoint_auth_method != "none":  # noqa: S105 - a method's name
                secret = self._add_secret(work, client_id)
            client = self._commit(work, self._event("client.created", client_id, actor))
        return client, secret

    def update(
        self,
        client_id: str,
        changes: Mapping[str, Any] | Callable[[Client], Mapping[str, Any]],
        *,
        actor: Actor,
    ) -> Client:
        """Change a client's metadata. Where there is nothing to change, nothing is stored or audited.

        Args:
            client_id: which client.
            changes: new values by the field names of `Registration`, and `disabled_at`; or a function that
                computes them from the stored client. No other change of the client happens in between, and an
                error of the function goes through.
            actor: who changes it, for the audit.

        Raises:
            KeyError: no such client.
            StoreUnavailable: nothing was changed.
        """
        with session() as work:
            self._lock(work, client_id)
            client = self._locked(work, client_id)
            changed = changes(client) if callable(changes) else changes
            if changed:
                self._write(work, client_id, changed)
                event = self._event("client.updated", client_id, actor, ", ".join(sorted(changed)))
                client = self._commit(work, event)
        self.recent.forget()
        return client

    def rotate_secret(self, client_id: str, *, old_not_after: int, actor: Actor) -> str:
        """Add a secret and return it; those before it end at `old_not_after` (seconds since the epoch).

        Args:
            client_id: whose secret.
            old_not_after: when the secrets before it end.
            actor: who rotates it, for the audit.

        Raises:
            KeyError: no such client.
            ValueError: a public client has no secret.
            StoreUnavailable: nothing was changed.
        """
        with session() as work:
            self._lock(work, client_id)
            if self._locked(work, client_id).is_public:
                raise ValueError("a public client has no secret")
            work.execute(
                update(ClientSecretRow)
                .where(ClientSecretRow.client_id == client_id)
                .where((ClientSecretRow.not_after.is_(None)) | (ClientSecretRow.not_after > old_not_after))
                .values(not_after=old_not_after)
            )
            secret = self._add_secret(work, client_id)
            self._commit(work, self._event("client.secret_rotated", client_id, actor))
        self.recent.forget()
        return secret

    def retire_secret(self, client_id: str, serial: int, *, actor: Actor) -> None:
        """End one secret now.

        Args:
            client_id: whose secret.
            serial: its number.
            actor: who ends it, for the audit.

        Raises:
            KeyError: no such client or secret.
            StoreUnavailable: nothing was changed.
        """
        now = self._now()
        with session() as work:
            self._lock(work, client_id)
            rows = work.scalars(select(ClientSecretRow).where(ClientSecretRow.client_id == client_id))
            # Compared here, since a number too large for the column is an error to the driver.
            row = next((row for row in rows if row.serial == serial), None)
            if row is None:
                raise KeyError(f"{client_id} has no secret {serial}")
            row.not_after = min(now, row.not_after or now)
            self._commit(work, self._event("client.secret_retired", client_id, actor, f"secret {serial}"))
        self.recent.forget()

    def renew_digest(self, client_id: str, old: ClientSecret, secret: str) -> None:
        """Store a secret's digest under the first server key, if an older key made it.

        Args:
            client_id: whose secret.
            old: the stored secret.
            secret: the presented secret, which has matched `old`.

        Raises:
            StoreUnavailable: the digest was not changed.
        """
        key_id, digest = self.hasher.digest(secret)
        row = (
            _SECRET.c.client_id == client_id,
            _SECRET.c.serial == old.serial,
            _SECRET.c.digest == old.digest,
        )
        with connection() as link:
            link.execute(update(_SECRET).where(*row).values(key_id=key_id, digest=digest))
            link.commit()
        self.recent.forget()

    def disable(self, client_id: str, *, actor: Actor) -> Client:
        """Refuse the client from now on, and end all its grants.

        Args:
            client_id: which client.
            actor: who disables it, for the audit.

        Raises:
            KeyError: no such client.
            StoreUnavailable: some grants have not ended; disabling it again ends them.
        """
        with session() as work:
            self._lock(work, client_id)
            self._write(work, client_id, {"disabled_at": self._now()})
            client = self._commit(work, self._event("client.disabled", client_id, actor))
        self.recent.forget()
        self._grants.revoke_client(client_id)
        return client

    def delete(self, client_id: str, *, actor: Actor) -> None:
        """End all grants of the client, and delete it with its app passwords and the consents to it.

        Args:
            client_id: which client.
            actor: who deletes it, for the audit.

        Raises:
            KeyError: no such client.
            StoreUnavailable: not everything was stored; deleting it again completes the work.
        """
        self.disable(client_id, actor=actor)
        with session() as work:
            self._lock(work, client_id)
            work.execute(delete(ClientSecretRow).where(ClientSecretRow.client_id == client_id))
            work.execute(delete(ConsentRow).where(ConsentRow.client_id == client_id))
            # A client that is imported under the same id later gets none of them.
            work.execute(delete(AppPasswordRow).where(AppPasswordRow.client_id == client_id))
            work.execute(delete(ClientUserRow).where(ClientUserRow.client_id == client_id))
            work.execute(delete(ClientRow).where(ClientRow.client_id == client_id))
            event = self._event("client.deleted", client_id, actor)
            work.add(AuditEventRow(**event.fields()))
            work.commit()
        self._tell(event)
        self.recent.forget()

    @staticmethod
    def _lock(work: Session, client_id: str) -> None:
        """Lock the client's row until the transaction ends, so that changes of one client are serial.

        A write locks on every database: the row on PostgreSQL, the file on SQLite.

        Raises:
            KeyError: no such client.
        """
        hold = update(_CLIENT).where(_CLIENT.c.client_id == client_id).values(client_id=_CLIENT.c.client_id)
        if not _is_id(client_id) or rows_changed(work.execute(hold)) != 1:
            raise KeyError(client_id)

    @staticmethod
    def _locked(work: Session, client_id: str) -> Client:
        (client,) = clients_of(work.execute(_SELECT_ONE, {"client_id": client_id}))
        return client

    @staticmethod
    def _write(work: Session, client_id: str, changes: Mapping[str, Any]) -> None:
        columns = {
            name: list(value) if isinstance(value, tuple) else value for name, value in changes.items()
        }
        work.execute(update(ClientRow).where(ClientRow.client_id == client_id).values(**columns))

    def _event(self, name: str, client_id: str, actor: Actor, reason: str | None = None) -> AuditEvent:
        """The audit event of a change; `reason` says what was changed, and is cut where its column ends."""
        reason = reason and reason[:REASON_LENGTH]
        return AuditEvent(event=name, at=self._now(), client_id=client_id, reason=reason, **actor.fields())

    def _commit(self, work: Session, event: AuditEvent) -> Client:
        """Commit a change with its audit row, and return the client as this transaction leaves it.

        A look-up after the commit might find that another operator has deleted the client.
        """
        work.add(AuditEventRow(**event.fields()))
        work.flush()
        client = self._locked(work, cast("str", event.client_id))
        work.commit()
        self._tell(event)
        return client

    def _add_secret(self, work: Session, client_id: str) -> str:
        last = work.scalar(
            select(func.max(ClientSecretRow.serial)).where(ClientSecretRow.client_id == client_id)
        )
        secret = make_secret()
        key_id, digest = self.hasher.digest(secret)
        row = ClientSecretRow(client_id=client_id, serial=(last or 0) + 1, key_id=key_id, digest=digest)
        row.created_at = self._now()
        row.weak = False
        work.add(row)
        return secret

    def _now(self) -> int:
        return int(self._clock())


def _is_id(client_id: str) -> bool:
    """Whether a client may have this id. Drivers refuse a NUL and a lone surrogate."""
    return client_id.isprintable()


def secret_key_ids(now: int) -> frozenset[str]:
    """The ids of the server keys of all valid secrets. The ring must hold each at the start.

    Args:
        now: seconds since the epoch; a secret that has ended needs no key.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    with connection() as link:
        if not inspect(link).has_table(ClientSecretRow.__tablename__):
            return frozenset()
        live = _SECRET.c.not_after.is_(None) | (_SECRET.c.not_after > now)
        return frozenset(link.scalars(select(_SECRET.c.key_id).where(live).distinct()))
