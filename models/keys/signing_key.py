"""Keys that sign tokens: stored encrypted, one active for each algorithm, published before and after that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, exists, insert, inspect, or_, select, text, update

from models.base import StoreUnavailable, connection, rows_changed, table
from models.keys.encryption import DecryptionFailed, Encryptor
from models.tables import AuditEventRow, SigningKeyRow
from telemetry import AuditEvent

_KEY = table(SigningKeyRow)
_INSERT_AUDIT = insert(table(AuditEventRow)).inline()
_SELECT_ALL = select(_KEY).order_by(_KEY.c.alg, _KEY.c.active_at.desc(), _KEY.c.kid)
_OF_ALG = _KEY.c.alg == bindparam("of_alg")
_INSERT_FIRST = (
    insert(_KEY)
    .from_select(
        list(_KEY.c),
        select(*(bindparam(column.name, type_=column.type) for column in _KEY.c)).where(
            ~exists().where(_KEY.c.alg == bindparam("alg"), _KEY.c.retired_at.is_(None))
        ),
    )
    .execution_options(preserve_rowcount=True)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSigningKey:
    """A new key pair; `private_key` is PKCS #8 in the clear."""

    kid: str
    alg: str
    private_key: bytes = field(repr=False)
    public_jwk: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A past, present or future key. Times are seconds since the epoch; `private_key` is encrypted."""

    kid: str
    alg: str
    key_id: str
    private_key: bytes = field(repr=False)
    public_jwk: Mapping[str, object]
    created_at: int
    active_at: int
    retired_at: int | None
    ends_at: int | None

    def signs(self, at: int) -> bool:
        """Whether this key signs at `at`."""
        return self.active_at <= at and (self.retired_at is None or at < self.retired_at)

    def is_published(self, now: int) -> bool:
        """Whether a token that this key signed may be live, now or later."""
        return self.ends_at is None or now < self.ends_at


class SigningKeyStore:
    """The signing keys in the database; `encryptor` encrypts their private parts."""

    def __init__(self, encryptor: Encryptor) -> None:
        self._encryptor = encryptor

    def list(self) -> Sequence[SigningKey]:
        """Every key by algorithm, the newest first.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        with connection() as link:
            return [SigningKey(**row) for row in link.execute(_SELECT_ALL).mappings()]

    def open(self, key: SigningKey) -> bytes:
        """Decrypt the private key.

        Raises:
            StoreUnavailable: the private key cannot be decrypted.
        """
        try:
            return self._encryptor.decrypt(key.key_id, key.private_key, _associated_data(key.kid))
        except DecryptionFailed as failure:
            raise StoreUnavailable(str(failure)) from None

    def add_first(self, new: NewSigningKey, now: int) -> bool:
        """Store a key that signs at once, unless its algorithm has one. One of concurrent calls stores it.

        Args:
            new: the key.
            now: seconds since the epoch.

        Returns:
            False if the algorithm had a key.

        Raises:
            StoreUnavailable: nothing was stored.
        """
        with connection() as link:
            _lock_keys(link)
            stored = rows_changed(link.execute(_INSERT_FIRST, _row(self._made(new, now, now)))) == 1
            link.commit()
        return stored

    def rotate(self, new: NewSigningKey, event: AuditEvent, *, lead: int, tail: int) -> SigningKey:
        """Replace the active key after `lead` seconds, in one transaction with the audit row.

        Args:
            new: the key; it is published from now on.
            event: the audit row; its time is now.
            lead: seconds until the key signs; the first key of an algorithm signs at once.
            tail: seconds that a token of the old key may live.

        Returns:
            The stored key.

        Raises:
            StoreUnavailable: nothing was changed.
        """
        (made,) = self.rotate_all([(new, event)], lead=lead, tail=tail)
        return made

    def rotate_all(
        self, changes: Sequence[tuple[NewSigningKey, AuditEvent]], *, lead: int, tail: int
    ) -> Sequence[SigningKey]:
        """Rotate the keys of several algorithms as `rotate` does, all of them in one transaction.

        Args:
            changes: each key with its audit row.
            lead: as of `rotate`.
            tail: as of `rotate`.

        Returns:
            The stored keys.

        Raises:
            StoreUnavailable: nothing was changed.
        """
        retire = update(_KEY).where(_OF_ALG, _KEY.c.retired_at.is_(None))
        made = []
        with connection() as link:
            _lock_keys(link)
            for new, event in changes:
                at = event.at + lead
                retired = link.execute(retire.values(retired_at=at, ends_at=at + tail), {"of_alg": new.alg})
                made.append(self._insert(link, new, event, at if rows_changed(retired) else event.at))
            link.commit()
        return made

    def replace(self, new: NewSigningKey, event: AuditEvent) -> SigningKey:
        """Replace all keys of an algorithm at once: none of them signs or is published any more.

        Args:
            new: the key; it is published and signs from now on.
            event: the audit row; its time is now.

        Returns:
            The stored key.

        Raises:
            StoreUnavailable: nothing was changed.
        """
        (made,) = self.replace_all([(new, event)])
        return made

    def replace_all(self, changes: Sequence[tuple[NewSigningKey, AuditEvent]]) -> Sequence[SigningKey]:
        """Replace the keys of several algorithms as `replace` does, all of them in one transaction.

        Args:
            changes: each key with its audit row.

        Returns:
            The stored keys.

        Raises:
            StoreUnavailable: nothing was changed.
        """
        made = []
        with connection() as link:
            _lock_keys(link)
            for new, event in changes:
                now, of_alg = event.at, {"of_alg": new.alg}
                end = update(_KEY).where(_OF_ALG, or_(_KEY.c.ends_at.is_(None), _KEY.c.ends_at > now))
                late = end.where(or_(_KEY.c.retired_at.is_(None), _KEY.c.retired_at > now))
                link.execute(late.values(retired_at=now), of_alg)
                link.execute(end.values(ends_at=now), of_alg)
                made.append(self._insert(link, new, event, now))
            link.commit()
        return made

    def reencrypt(self, link: Connection) -> int:
        """Encrypt under the first server key every signing key that another server key encrypts.

        Args:
            link: a connection, whose transaction the caller commits.

        Returns:
            How many keys were encrypted again.

        Raises:
            StoreUnavailable: a key cannot be decrypted: its server key is not in the ring.
        """
        _lock_keys(link)
        others = _SELECT_ALL.where(_KEY.c.key_id != self._encryptor.key_id)
        keys = [SigningKey(**row) for row in link.execute(others).mappings()]
        for key in keys:
            key_id, encrypted = self._encryptor.encrypt(self.open(key), _associated_data(key.kid))
            changed = update(_KEY).where(_KEY.c.kid == key.kid)
            link.execute(changed.values(key_id=key_id, private_key=encrypted))
        return len(keys)

    def _insert(self, link: Connection, new: NewSigningKey, event: AuditEvent, at: int) -> SigningKey:
        made = self._made(new, event.at, at)
        link.execute(insert(_KEY), _row(made))
        link.execute(_INSERT_AUDIT, dict(event.fields()))
        return made

    def _made(self, new: NewSigningKey, now: int, active_at: int) -> SigningKey:
        key_id, encrypted = self._encryptor.encrypt(new.private_key, _associated_data(new.kid))
        return SigningKey(
            kid=new.kid,
            alg=new.alg,
            key_id=key_id,
            private_key=encrypted,
            public_jwk=dict(new.public_jwk),
            created_at=now,
            active_at=active_at,
            retired_at=None,
            ends_at=None,
        )


def signing_key_ids(now: int) -> frozenset[str]:
    """The ids of the server keys that encrypted signing keys in use. The ring must hold each at the start.

    Args:
        now: seconds since the epoch; a key whose last token has ended is not in use.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    with connection() as link:
        if not inspect(link).has_table(SigningKeyRow.__tablename__):
            return frozenset()
        used = select(_KEY.c.key_id).where(or_(_KEY.c.ends_at.is_(None), _KEY.c.ends_at > now))
        return frozenset(link.scalars(used.distinct()))


def _row(key: SigningKey) -> dict[str, object]:
    return {name: getattr(key, name) for name in key.__slots__}


def _associated_data(kid: str) -> str:
    return f"the signing key {kid}"


def _lock_keys(link: Connection) -> None:
    """Let no other transaction change keys until this one ends. SQLite has only one writer anyway."""
    if link.dialect.name == "postgresql":
        link.execute(text("LOCK TABLE signing_key IN SHARE ROW EXCLUSIVE MODE"))
