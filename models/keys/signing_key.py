"""Keys that sign tokens: stored sealed, one in force for each algorithm, published before that and after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, exists, insert, inspect, or_, select, text, update

from models.base import StoreUnavailable, connection, rows_changed, table
from models.keys.encryption import DecryptionFailed, Encryptor
from models.tables import AuditEventRow, SigningKeyRow
from telemetry import AuditEvent

_KEY = table(SigningKeyRow)
_INSERT_AUDIT = insert(table(AuditEventRow)).inline()
_ALL = select(_KEY).order_by(_KEY.c.alg, _KEY.c.active_at.desc(), _KEY.c.kid)
_OF_ALG = _KEY.c.alg == bindparam("of_alg")
_FIRST = (
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
    """A key pair that was just made; `private_key` in clear, as PKCS #8."""

    kid: str
    alg: str
    private_key: bytes = field(repr=False)
    public_jwk: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A key that signs, has signed, or will. Times are seconds since the epoch; `private_key` is sealed."""

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
        """Whether it is in force at `at`."""
        return self.active_at <= at and (self.retired_at is None or at < self.retired_at)

    def is_published(self, now: int) -> bool:
        """Whether a token that it signed may still be live, or will be."""
        return self.ends_at is None or now < self.ends_at


class SigningKeyStore:
    """Signing keys in the database, sealed by `sealer`."""

    def __init__(self, sealer: Encryptor) -> None:
        self._sealer = sealer

    def list(self) -> Sequence[SigningKey]:
        """Every key by its algorithm, the newest first.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        with connection() as link:
            return [SigningKey(**row) for row in link.execute(_ALL).mappings()]

    def open(self, key: SigningKey) -> bytes:
        """The private key in clear.

        Raises:
            StoreUnavailable: it cannot be opened.
        """
        try:
            return self._sealer.open(key.key_id, key.private_key, _name(key.kid))
        except DecryptionFailed as broken:
            raise StoreUnavailable(str(broken)) from None

    def add_first(self, new: NewSigningKey, now: int) -> bool:
        """Store a key that signs at once, unless one of its algorithm is there: of many, one is stored.

        Args:
            new: the key.
            now: seconds since the epoch.

        Returns:
            False where one was there.

        Raises:
            StoreUnavailable: nothing was stored.
        """
        with connection() as link:
            _alone(link)
            stored = rows_changed(link.execute(_FIRST, _row(self._made(new, now, now)))) == 1
            link.commit()
        return stored

    def rotate(self, new: NewSigningKey, event: AuditEvent, *, lead: int, tail: int) -> SigningKey:
        """Put a key in the place of the one in force, in one transaction with its audit row.

        Args:
            new: the key; it is published from now on.
            event: the audit row; its time is now.
            lead: seconds until it signs; the first of its algorithm does so at once.
            tail: seconds for which a token that the old one signed may live.

        Returns:
            The key as it is stored.

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
            The keys as they are stored.

        Raises:
            StoreUnavailable: nothing was changed.
        """
        retire = update(_KEY).where(_OF_ALG, _KEY.c.retired_at.is_(None))
        made = []
        with connection() as link:
            _alone(link)
            for new, event in changes:
                at = event.at + lead
                retired = link.execute(retire.values(retired_at=at, ends_at=at + tail), {"of_alg": new.alg})
                made.append(self._insert(link, new, event, at if rows_changed(retired) else event.at))
            link.commit()
        return made

    def replace(self, new: NewSigningKey, event: AuditEvent) -> SigningKey:
        """Put a key in the place of all others of its algorithm at once: none signs or is published any more.

        Args:
            new: the key; it is published and signs from now on.
            event: the audit row; its time is now.

        Returns:
            The key as it is stored.

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
            The keys as they are stored.

        Raises:
            StoreUnavailable: nothing was changed.
        """
        made = []
        with connection() as link:
            _alone(link)
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
            StoreUnavailable: a key cannot be opened, for its server key is not in the ring.
        """
        _alone(link)
        others = _ALL.where(_KEY.c.key_id != self._sealer.key_id)
        keys = [SigningKey(**row) for row in link.execute(others).mappings()]
        for key in keys:
            key_id, sealed = self._sealer.seal(self.open(key), _name(key.kid))
            changed = update(_KEY).where(_KEY.c.kid == key.kid)
            link.execute(changed.values(key_id=key_id, private_key=sealed))
        return len(keys)

    def _insert(self, link: Connection, new: NewSigningKey, event: AuditEvent, at: int) -> SigningKey:
        made = self._made(new, event.at, at)
        link.execute(insert(_KEY), _row(made))
        link.execute(_INSERT_AUDIT, dict(event.fields()))
        return made

    def _made(self, new: NewSigningKey, now: int, active_at: int) -> SigningKey:
        key_id, sealed = self._sealer.seal(new.private_key, _name(new.kid))
        return SigningKey(
            kid=new.kid,
            alg=new.alg,
            key_id=key_id,
            private_key=sealed,
            public_jwk=dict(new.public_jwk),
            created_at=now,
            active_at=active_at,
            retired_at=None,
            ends_at=None,
        )


def signing_key_ids(now: int) -> frozenset[str]:
    """The ids of the server keys that sealed signing keys in use: each must be in the ring at start.

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


def _name(kid: str) -> str:
    return f"the signing key {kid}"


def _alone(link: Connection) -> None:
    """Let no other transaction change keys until this one ends. SQLite has one writer at a time anyway."""
    if link.dialect.name == "postgresql":
        link.execute(text("LOCK TABLE signing_key IN SHARE ROW EXCLUSIVE MODE"))
