"""Device codes and user codes (RFC 8628), and the guesses at user codes.

Owns: that a user code is decided once, that a device code gives one grant, and the interval of the polls.
Must not know: the alphabet of the codes, the limit on guesses.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, ScalarSelect, and_, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from models.authorizations.approval import Approval
from models.authorizations.table_limit import TableLimit
from models.base import connection, table
from models.database.driver import DriverConnection, Statement
from models.grants.grant import INSERT_AUDIT
from models.grants.redeem import Redeem, has_live_session
from models.sessions.session_end import take_part_in
from models.sign_in_tables import DEVICE_CODE_SECONDS, DeviceCodeRow, DeviceGuessRow, SignInSessionRow
from telemetry import AuditEvent

POLL_SECONDS = 5
"""Seconds between two polls at first, and what each poll that comes too early adds (RFC 8628, 3.5)."""

# Any program can ask for device codes: the id of a public client is no secret.
_MOST_CODES = 100_000
_DEVICE, _GUESS, _SESSION = table(DeviceCodeRow), table(DeviceGuessRow), table(SignInSessionRow)
_IS_LIVE_SESSION = and_(_SESSION.c.id == _DEVICE.c.session_id, _SESSION.c.ended_at.is_(None))


class DeviceCode(NamedTuple):
    """A device code with its user code. Times are seconds since the epoch.

    `approval` is None unless a user allowed it. `grant_id` is the grant that it gave when it was used.
    `session_ended` means that the sign-in session of the approval has ended.
    """

    client_id: str
    scope: str
    audience: str | None
    address: str
    created_at: int
    expires_at: int
    interval: int
    polled_at: int | None
    decided_at: int | None
    approval: Approval | None
    used_at: int | None
    grant_id: bytes | None
    session_ended: bool

    @property
    def is_denied(self) -> bool:
        """Whether a user denied it."""
        return self.decided_at is not None and self.approval is None

    def is_pending(self, now: int) -> bool:
        """Whether a user may still decide it at `now`."""
        return self.decided_at is None and now < self.expires_at


class Guesses(NamedTuple):
    """The numbers of wrong user codes that a session and a network typed."""

    of_session: int
    of_address: int


_FIND = select(
    *(_DEVICE.c[name] for name in DeviceCode._fields if name != "session_ended"),
    and_(_DEVICE.c.session_id.is_not(None), _SESSION.c.id.is_(None)).label("session_ended"),
).select_from(_DEVICE.outerjoin(_SESSION, _IS_LIVE_SESSION))
_BY_KEY = Statement(_FIND.where(_DEVICE.c.id == bindparam("key")))
_BY_USER_CODE = Statement(_FIND.where(_DEVICE.c.user_code_digest == bindparam("user_code")))
_POLL = update(_DEVICE).where(_DEVICE.c.id == bindparam("key")).values(polled_at=bindparam("at"))
_POLL_IN_TIME = Statement(
    _POLL.where(_DEVICE.c.polled_at.is_(None) | (_DEVICE.c.polled_at + _DEVICE.c.interval <= bindparam("at")))
)
_POLL_TOO_EARLY = Statement(_POLL.values(interval=_DEVICE.c.interval + POLL_SECONDS))
_DECIDE = update(_DEVICE).where(
    _DEVICE.c.user_code_digest == bindparam("user_code"),
    _DEVICE.c.decided_at.is_(None),
    _DEVICE.c.expires_at > bindparam("now"),
)
_ALLOW = Statement(_DECIDE.returning(_DEVICE.c.client_id), ["decided_at", "approval", "session_id"])
_DENY = Statement(_DECIDE, ["decided_at"])
_USE = Statement(
    update(_DEVICE)
    .where(
        _DEVICE.c.id == bindparam("key"),
        _DEVICE.c.used_at.is_(None),
        _DEVICE.c.approval.is_not(None),
        _DEVICE.c.expires_at > bindparam("at"),
        has_live_session(_DEVICE.c.session_id),
    )
    .values(used_at=bindparam("at"), grant_id=bindparam("grant"))
    .returning(_DEVICE.c.session_id)
)
_RECORD_GUESS = Statement(insert(_GUESS).returning(_GUESS.c.id), ["at", "session_id", "address"])
_FORGET_GUESS = Statement(delete(_GUESS).where(_GUESS.c.id == bindparam("guess")))


def _count(of: ColumnElement[bool]) -> ScalarSelect[int]:
    counted = select(func.count()).select_from(_GUESS).where(of, _GUESS.c.at > bindparam("since"))
    return counted.scalar_subquery()


_COUNT_GUESSES = Statement(
    select(
        _count(_GUESS.c.session_id == bindparam("of_session_id")).label("of_session"),
        _count(_GUESS.c.address == bindparam("of_network")).label("of_address"),
    ),
    row=Guesses,
)


class DeviceStore:
    """The device codes in the database."""

    def __init__(self, clock: Callable[[], float], limit: TableLimit | None = None) -> None:
        """Open the store.

        Args:
            clock: seconds since the epoch.
            limit: the limit on device codes; the usual one if None.
        """
        self._clock = clock
        self._limit = limit or TableLimit(_DEVICE, _MOST_CODES, kept_seconds=DEVICE_CODE_SECONDS)

    def add(
        self,
        key: bytes,
        user_code_digest: bytes,
        client_id: str,
        *,
        scope: str,
        audience: str | None,
        address: str,
        expires_at: int,
    ) -> bool:
        """Store a new device code. False if the user code is taken: the caller makes another.

        Args:
            key: the SHA-256 of the device code.
            user_code_digest: the digest of the user code.
            client_id: the client that asks.
            scope: what it asks for.
            audience: the requested resources (RFC 8707), separated by spaces.
            address: the device's network.
            expires_at: seconds since the epoch.

        Raises:
            StoreUnavailable: nothing was stored.
        """
        now = self._now()
        row = {
            "id": key,
            "user_code_digest": user_code_digest,
            "client_id": client_id,
            "scope": scope,
            "audience": audience,
            "address": address,
            "created_at": now,
            "expires_at": expires_at,
            "interval": POLL_SECONDS,
        }
        is_new = _is_new(row)
        self._limit.keep(now)
        return is_new

    def find(self, key: bytes) -> DeviceCode | None:
        """The device code with this key, expired or not; None if there is none.

        Args:
            key: the SHA-256 of the device code.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        return _found(_BY_KEY, {"key": key})

    def find_by_user_code(self, digest: bytes) -> DeviceCode | None:
        """The device code of a user code, expired or not; None if there is none.

        Args:
            digest: the digest of the user code.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        return _found(_BY_USER_CODE, {"user_code": digest})

    def poll(self, key: bytes, at: int) -> bool:
        """Note a poll, and return whether it came too early. Then the interval grows for good.

        Args:
            key: the SHA-256 of the device code.
            at: seconds since the epoch.

        Raises:
            StoreUnavailable: the poll was not noted.
        """
        with DriverConnection() as link:
            # The second of two polls at once waits for the first one's row, and comes too early.
            in_time = link.run(_POLL_IN_TIME, {"key": key, "at": at}) == 1
            if not in_time:
                link.run(_POLL_TOO_EARLY, {"key": key, "at": at})
            link.commit()
        return not in_time

    def allow(self, user_code_digest: bytes, approval: Approval, event: AuditEvent) -> bool:
        """Allow a device code, note that its session signed in to the client, and store the audit row.

        Args:
            user_code_digest: the digest of the user code.
            approval: what the user approved.
            event: the audit row.

        Returns:
            False if it was decided or has expired: nothing was stored.

        Raises:
            StoreUnavailable: nothing was stored.
        """
        values = {
            "user_code": user_code_digest,
            "now": event.at,
            "decided_at": event.at,
            "approval": approval.as_json(),
            "session_id": approval.session_id,
        }
        with DriverConnection() as link:
            decided = link.returned(_ALLOW, values)
            if not decided:
                return False
            if approval.session_id is not None:
                take_part_in(link, approval.session_id, decided[0]["client_id"], approval.seen_sub)
            link.run(INSERT_AUDIT, event.fields())
            link.commit()
        return True

    def deny(self, user_code_digest: bytes, event: AuditEvent) -> bool:
        """Deny a device code and store the audit row. False as of `allow`.

        Args:
            user_code_digest: the digest of the user code.
            event: the audit row.

        Raises:
            StoreUnavailable: nothing was stored.
        """
        values = {"user_code": user_code_digest, "now": event.at, "decided_at": event.at}
        with DriverConnection() as link:
            if link.run(_DENY, values) != 1:
                return False
            link.run(INSERT_AUDIT, event.fields())
            link.commit()
        return True

    @staticmethod
    def redeem(key: bytes) -> Redeem:
        """The use of a device code, for `GrantStore.issue`.

        Args:
            key: the SHA-256 of the device code.
        """
        return Redeem(_USE, key)

    def record_guess(self, session_id: bytes | None, address: str, at: int) -> int:
        """Record that a user code was typed, as a wrong one until `forget_guess`.

        Args:
            session_id: the session of the browser, if there is one.
            address: the browser's network.
            at: seconds since the epoch.

        Returns:
            The number of the record.

        Raises:
            StoreUnavailable: it was not recorded.
        """
        values = {"at": at, "session_id": session_id, "address": address}
        with DriverConnection(alone=True) as link:
            (recorded,) = link.returned(_RECORD_GUESS, values)
            link.commit()
        number: int = recorded["id"]
        return number

    def forget_guess(self, number: int) -> None:
        """Delete a record: the code was right, or was not looked up.

        Args:
            number: as `record_guess` returned it.

        Raises:
            StoreUnavailable: it was not deleted.
        """
        with DriverConnection(alone=True) as link:
            link.run(_FORGET_GUESS, {"guess": number})
            link.commit()

    def count_guesses(self, session_id: bytes | None, address: str, since: int) -> Guesses:
        """The numbers of wrong user codes since a time.

        Args:
            session_id: the session of the browser, if there is one.
            address: the browser's network.
            since: seconds since the epoch; a guess at this very second does not count.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        values = {"of_session_id": session_id, "of_network": address, "since": since}
        with DriverConnection(alone=True) as link:
            counted = link.first(_COUNT_GUESSES, values)
        return counted or Guesses(0, 0)

    def _now(self) -> int:
        return int(self._clock())


def _is_new(row: Mapping[str, object]) -> bool:
    """Insert a row. False if its user code is taken."""
    with connection() as link:
        try:
            link.execute(insert(_DEVICE), row)
            link.commit()
        except IntegrityError:
            return False
    return True


def _found(statement: Statement[dict[str, Any]], which: dict[str, bytes]) -> DeviceCode | None:
    with DriverConnection(alone=True) as link:
        row = link.first(statement, which)
    if row is None:
        return None
    approval = row["approval"]
    return DeviceCode(**{**row, "approval": approval and Approval.from_json(approval)})
