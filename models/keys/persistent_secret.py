"""Secrets that stay the same while the server's keys come and go: made once, stored sealed."""

import secrets
from collections.abc import Callable

from sqlalchemy import Connection, bindparam, insert, inspect, select, update
from sqlalchemy.exc import IntegrityError

from models.base import StoreUnavailable, connection, table
from models.keys.encryption import DecryptionFailed, Encryptor
from models.tables import PersistentSecretRow

_OCTETS = 32
_SECRET = table(PersistentSecretRow)
_SELECT = select(_SECRET.c.key_id, _SECRET.c.sealed).where(_SECRET.c.name == bindparam("of"))


class PersistentSecrets:
    """Kept secrets in the database, sealed by `sealer`; each is read once by a process."""

    def __init__(self, sealer: Encryptor, clock: Callable[[], float]) -> None:
        self._sealer = sealer
        self._clock = clock
        self._opened: dict[str, bytes] = {}

    def get(self, name: str) -> bytes:
        """The 32 octets that are kept under `name`; made when they are first asked for, by whomever.

        Raises:
            StoreUnavailable: the database cannot say, or its server key is not in the ring.
        """
        if (opened := self._opened.get(name)) is None:
            opened = self._opened[name] = self._read(name)
        return opened

    def reencrypt(self, link: Connection) -> int:
        """Encrypt under the first server key every secret that another server key encrypts.

        Args:
            link: a connection, whose transaction the caller commits.

        Returns:
            How many secrets were encrypted again.

        Raises:
            StoreUnavailable: a secret cannot be opened, for its server key is not in the ring.
        """
        others = select(_SECRET.c.name, _SECRET.c.key_id, _SECRET.c.sealed)
        rows = link.execute(others.where(_SECRET.c.key_id != self._sealer.key_id)).all()
        for name, key_id, sealed in rows:
            opened = self._open(name, key_id, sealed)
            link.execute(update(_SECRET).where(_SECRET.c.name == name), self._row(name, opened))
        return len(rows)

    def _read(self, name: str) -> bytes:
        with connection() as link:
            if link.execute(_SELECT, {"of": name}).one_or_none() is None:
                self._make(link, name)
            # Another process may have been the one that made it.
            key_id, sealed = link.execute(_SELECT, {"of": name}).one()
            opened = self._open(name, key_id, sealed)
            if key_id != self._sealer.key_id:
                # So that a server key can go when a newer one has been in front of it for a while.
                link.execute(update(_SECRET).where(_SECRET.c.name == name), self._row(name, opened))
                link.commit()
        return opened

    def _open(self, name: str, key_id: str, sealed: bytes) -> bytes:
        try:
            return self._sealer.open(key_id, sealed, _sealed_as(name))
        except DecryptionFailed as broken:
            raise StoreUnavailable(str(broken)) from None

    def _make(self, link: Connection, name: str) -> None:
        row = self._row(name, secrets.token_bytes(_OCTETS))
        try:
            link.execute(insert(_SECRET), {**row, "name": name, "created_at": int(self._clock())})
            link.commit()
        except IntegrityError:
            link.rollback()

    def _row(self, name: str, opened: bytes) -> dict[str, object]:
        key_id, sealed = self._sealer.seal(opened, _sealed_as(name))
        return {"key_id": key_id, "sealed": sealed}


def kept_secret_key_ids() -> frozenset[str]:
    """The ids of the server keys that sealed kept secrets: each must be in the ring at start.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    with connection() as link:
        if not inspect(link).has_table(PersistentSecretRow.__tablename__):
            return frozenset()
        return frozenset(link.scalars(select(_SECRET.c.key_id).distinct()))


def _sealed_as(name: str) -> str:
    return f"the kept secret {name}"
