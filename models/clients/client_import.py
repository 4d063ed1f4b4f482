"""Importing clients of another server, with the ids and secrets that programs have hard-coded.

Owns: that all of them are stored, or none. Must not know: the format of the file.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from models.base import connection, table
from models.clients.client import Registration
from models.keys.digest import SecretHasher
from models.tables import AuditEventRow, ClientRow, ClientSecretRow
from telemetry import Actor, AuditEvent

_CLIENT, _SECRET = table(ClientRow), table(ClientSecretRow)
_INSERT_AUDIT = insert(table(AuditEventRow)).inline()
# Clients a statement.
_BATCH = 500
# A secret with fewer characters, or fewer distinct ones, could be guessed from its digest if the key leaked.
_STRONG_LENGTH = 24
_STRONG_VARIETY = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedClient:
    """A client with its id, and its secret or the SHA-256 of it. A public client has neither.

    `not_after` is when the secret ends, in seconds since the epoch; None for never.
    """

    client_id: str
    registration: Registration
    secret: str | None = field(default=None, repr=False)
    secret_sha256: bytes | None = field(default=None, repr=False)
    not_after: int | None = None

    @property
    def is_weak(self) -> bool:
        """Whether the secret should be replaced soon. The length of a hashed secret is unknown."""
        if self.secret is None:
            return self.secret_sha256 is not None
        return len(self.secret) < _STRONG_LENGTH or len(set(self.secret)) < _STRONG_VARIETY


class ClientsExist(Exception):
    """Some of the ids are already registered; nothing was stored."""

    def __init__(self, client_ids: Sequence[str]) -> None:
        super().__init__(", ".join(client_ids))
        self.client_ids = client_ids


def import_clients(
    imported: Sequence[ImportedClient],
    hasher: SecretHasher,
    now: int,
    *,
    actor: Actor,
    stored: Callable[[int], None] = lambda _: None,
) -> None:
    """Register clients with their own ids and secrets, and audit rows, in one transaction.

    Args:
        imported: the clients.
        hasher: makes the digests of their secrets.
        now: seconds since the epoch.
        actor: who imports them, for the audit.
        stored: is called with the number of clients that wait for the commit.

    Raises:
        ClientsExist: with the ids that are taken; nothing was stored.
        StoreUnavailable: nothing was stored.
    """
    ids = [each.client_id for each in imported]
    with connection() as link:
        _refuse_taken(link, ids)
        try:
            for first in range(0, len(imported), _BATCH):
                _insert(link, imported[first : first + _BATCH], hasher, now, actor)
                stored(min(first + _BATCH, len(imported)))
        except IntegrityError:
            # Another import has stored one of them since the look.
            link.rollback()
            _refuse_taken(link, ids)
            raise
        link.commit()


def refuse_taken(client_ids: Sequence[str]) -> None:
    """Refuse ids that are registered already.

    Args:
        client_ids: the ids of an import.

    Raises:
        ClientsExist: with the ids that are taken.
        StoreUnavailable: the database cannot say.
    """
    with connection() as link:
        _refuse_taken(link, client_ids)


def _refuse_taken(link: Connection, ids: Sequence[str]) -> None:
    taken: list[str] = []
    for first in range(0, len(ids), _BATCH):
        some = _CLIENT.c.client_id.in_(ids[first : first + _BATCH])
        taken += link.scalars(select(_CLIENT.c.client_id).where(some))
    if taken:
        raise ClientsExist(sorted(taken))


def _insert(
    link: Connection, batch: Sequence[ImportedClient], hasher: SecretHasher, now: int, actor: Actor
) -> None:
    link.execute(insert(_CLIENT), [each.registration.row(each.client_id, now) for each in batch])
    secrets = [
        {
            "client_id": each.client_id,
            "serial": 1,
            "key_id": made[0],
            "digest": made[1],
            "created_at": now,
            "not_after": each.not_after,
            "weak": each.is_weak,
        }
        for each in batch
        if (made := _digest(each, hasher)) is not None
    ]
    if secrets:
        link.execute(insert(_SECRET), secrets)
    events = [
        AuditEvent(event="client.imported", at=now, client_id=each.client_id, **actor.fields())
        for each in batch
    ]
    link.execute(_INSERT_AUDIT, [dict(event.fields()) for event in events])


def _digest(imported: ImportedClient, hasher: SecretHasher) -> tuple[str, bytes] | None:
    if imported.secret is not None:
        return hasher.digest(imported.secret)
    return None if imported.secret_sha256 is None else hasher.digest_of_sha256(imported.secret_sha256)
