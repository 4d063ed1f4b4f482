"""Importing clients of another server, with the ids and secrets that programs have hard-coded.

Owns: that all of them are stored, or none. Must not know: the format of the file.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from models.base import connection, table
from models.clients.client import OPERATOR, Registration
from models.keys.digest import SecretHasher
from models.tables import AuditEventRow, ClientRow, ClientSecretRow
from telemetry import Actor, AuditEvent

_CLIENT, _SECRET = table(ClientRow), table(ClientSecretRow)
_INSERT_AUDIT = insert(table(AuditEventRow)).inline()
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
    imported: Sequence[ImportedClient], hasher: SecretHasher, now: int, *, actor: Actor = OPERATOR
) -> None:
    """Register clients with their own ids and secrets, and audit rows, in one transaction.

    Args:
        imported: the clients.
        hasher: makes the digests of their secrets.
        now: seconds since the epoch.
        actor: who imports them, for the audit.

    Raises:
        ClientsExist: with the ids that are taken; nothing was stored.
        StoreUnavailable: nothing was stored.
    """
    ids = [each.client_id for each in imported]
    with connection() as link:
        _refuse_taken(link, ids)
        try:
            for each in imported:
                _insert(link, each, hasher, now, actor)
        except IntegrityError:
            # Another import has stored one of them since the look.
            link.rollback()
            _refuse_taken(link, ids)
            raise
        link.commit()


def _refuse_taken(link: Connection, ids: Sequence[str]) -> None:
    taken = link.scalars(select(_CLIENT.c.client_id).where(_CLIENT.c.client_id.in_(ids))).all()
    if taken:
        raise ClientsExist(sorted(taken))


def _insert(link: Connection, each: ImportedClient, hasher: SecretHasher, now: int, actor: Actor) -> None:
    link.execute(insert(_CLIENT), each.registration.row(each.client_id, now))
    if (made := _digest(each, hasher)) is not None:
        key_id, digest = made
        row = {"client_id": each.client_id, "serial": 1, "key_id": key_id, "digest": digest}
        times = {"created_at": now, "not_after": each.not_after}
        link.execute(insert(_SECRET), {**row, **times, "weak": each.is_weak})
    event = AuditEvent(event="client.imported", at=now, client_id=each.client_id, **actor.fields())
    link.execute(_INSERT_AUDIT, dict(event.fields()))


def _digest(imported: ImportedClient, hasher: SecretHasher) -> tuple[str, bytes] | None:
    if imported.secret is not None:
        return hasher.digest(imported.secret)
    return None if imported.secret_sha256 is None else hasher.digest_of_sha256(imported.secret_sha256)
