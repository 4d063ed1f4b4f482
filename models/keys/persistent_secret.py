"""Secrets that stay the same when the server's keys change: made once, and stored encrypted."""

import secrets
from collections.abc import Callable

from sqlalchemy import Connection, bindparam, insert, inspect, select, update
from sqlalchemy.exc import IntegrityError

from models.base import StoreUnavailable, connection, table
from models.keys.encryption import DecryptionFailed, Encryptor
from models.tables import PersistentSecretRow

_SECRET_LENGTH = 32
_SECRET = table(PersistentSecretRow)
_SELECT = select(_SECRET.c.key_id, _SECRET.c.sealed).where(_SECRET.c.name == bindparam("of_name"))


class PersistentSecrets:
    """The persistent secrets in the database. A process reads each of them once."""

    def __init__(self, encryptor: Encryptor, clock: Callable[[], float]) -> None:
        """Read nothing yet.

        Args:
            encryptor: encrypts and decrypts the secrets.
            clock: seconds since the epoch.
        """
        self._encryptor = encryptor
        self._clock = clock
        self._known: dict[str, bytes] = {}

    def get(self, name: str) -> bytes:
        """The secret called `name`, of 32 octets. The first process that asks for it makes it.

        Raises:
            StoreUnavailable: the database cannot say, or the secret's server key is not in the ring.
        """
        if (secret := self._known.get(name)) is None:
            secret = self._known[name] = self._read(name)
        return secret

    def reencrypt(self, link: Connection) -> int:
        """Encrypt under the first server key every secret that another server key encrypts.

        Args:
            link: a connection, whose transaction the caller commits.

        Returns:
            How many secrets were encrypted again.

        Raises:
            StoreUnavailable: a secret cannot be decrypted: its server key is not in the ring.
        """
        others = select(_SECRET.c.name, _SECRET.c.key_id, _SECRET.c.sealed)
        rows = link.execute(others.where(_SECRET.c.key_id != self._encryptor.key_id)).all()
        for name, key_id, encrypted in rows:
            secret = self._decrypted(name, key_id, encrypted)
            link.execute(update(_SECRET).where(_SECRET.c.name == name), self._encrypted(name, secret))
        return len(rows)

    def _read(self, name: str) -> bytes:
        with connection() as link:
            if link.execute(_SELECT, {"of_name": name}).one_or_none() is None:
                self._make(link, name)
            # Another process may have made it first.
            key_id, encrypted = link.execute(_SELECT, {"of_name": name}).one()
            secret = self._decrypted(name, key_id, encrypted)
            if key_id != self._encryptor.key_id:
                # The operator can remove the old server key once a newer one has been first for a while.
                link.execute(update(_SECRET).where(_SECRET.c.name == name), self._encrypted(name, secret))
                link.commit()
        return secret

    def _decrypted(self, name: str, key_id: str, encrypted: bytes) -> bytes:
        try:
            return self._encryptor.decrypt(key_id, encrypted, _associated_data(name))
        except DecryptionFailed as failure:
            raise StoreUnavailable(str(failure)) from None

    def _make(self, link: Connection, name: str) -> None:
        columns = self._encrypted(name, secrets.token_bytes(_SECRET_LENGTH))
        try:
            link.execute(insert(_SECRET), {**columns, "name": name, "created_at": int(self._clock())})
            link.commit()
        except IntegrityError:
            link.rollback()

    def _encrypted(self, name: str, secret: bytes) -> dict[str, object]:
        key_id, encrypted = self._encryptor.encrypt(secret, _associated_data(name))
        return {"key_id": key_id, "sealed": encrypted}


def persistent_secret_key_ids() -> frozenset[str]:
    """The ids of the server keys that encrypted persistent secrets. The ring must hold each at the start.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    with connection() as link:
        if not inspect(link).has_table(PersistentSecretRow.__tablename__):
            return frozenset()
        return frozenset(link.scalars(select(_SECRET.c.key_id).distinct()))


def _associated_data(name: str) -> str:
    # Stored secrets were encrypted with this text: it must never change.
    return f"the kept secret {name}"
