"""Deleting expired rows in small batches, so that no lock is held for long."""

from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, NamedTuple

from sqlalchemy import Delete, bindparam, delete, select

from models.base import connection, db, table
from models.database.driver import DriverConnection, Statement
from models.failures.failure_store import FAILURE_SECONDS
from models.failures.refused_passwords import is_expired
from models.keys.digest import hour_prefix
from models.password_grant_tables import AppPasswordRow
from models.sign_in_tables import (
    DEVICE_CODE_SECONDS,
    AuthorizationCodeRow,
    AuthorizationRequestRow,
    DeviceCodeRow,
    DeviceGuessRow,
    LogoutNoticeRow,
    SignInSessionRow,
)
from models.sqlite.checkpoints import Checkpoints
from models.tables import (
    AccessTokenRow,
    AuditEventRow,
    GrantRow,
    LoginFailureRow,
    RefreshTokenRow,
    RefusedPasswordRow,
    SigningKeyRow,
)
from models.usage.retention import old_usage
from models.usage.roll_up import counted_up_to, keep_progress

# A code of a session that has just expired can still be used.
_SESSION_LEEWAY = 3600
# Seconds for which a code is remembered, so that a replay ends what it gave.
_CODE_SECONDS = 86_400
_GUESS_SECONDS = 86_400
# Seconds for which an app password that ended is listed. Its grants have ended with it.
_ENDED_SECONDS = 366 * 86_400
# A token's key and its `expires_at` may come from two nodes whose clocks differ.
_LEEWAY = 60
_AUDIT = table(AuditEventRow)
_ACCESS, _REFRESH, _GRANT = table(AccessTokenRow), table(RefreshTokenRow), table(GrantRow)
_FAILURE, _REFUSED = table(LoginFailureRow), table(RefusedPasswordRow)
_KEY = table(SigningKeyRow)
_SESSION, _NOTICE = table(SignInSessionRow), table(LogoutNoticeRow)
_REQUEST, _CODE = table(AuthorizationRequestRow), table(AuthorizationCodeRow)
_APP_PASSWORD = table(AppPasswordRow)
_DEVICE, _GUESS = table(DeviceCodeRow), table(DeviceGuessRow)


class Batch(NamedTuple):
    """The result of one batch.

    `seconds` is the time of its own work, without the wait for other writers: a pause that grew with that
    wait would let a busy server stop the purge. `is_alone` means that no other connection wrote to the
    database since the batch before; only SQLite can tell.
    """

    table: str
    rows: int
    seconds: float
    is_alone: bool


def go_on(_: Batch) -> None:
    """Do nothing between two batches."""


def purge(now: int, *, batch: int = 1000, after: Callable[[Batch], None] = go_on) -> dict[str, int]:
    """Delete expired tokens, grants whose last token has ended, and what else has expired or grown old.

    Tokens are deleted by key range, since a key begins with the hour in which its token ends. A row may stay
    for up to an hour after that; the token is dead, since every look-up compares `expires_at`.

    Args:
        now: seconds since the epoch.
        batch: rows a transaction.
        after: is called after each batch, for example to pause for other writers.

    Returns:
        The number of deleted rows, by table.

    Raises:
        StoreUnavailable: some rows were not deleted; another call deletes them.
    """
    # The hour, not the moment: the key of a JWT holds no more.
    floor = hour_prefix(now - _LEEWAY)
    access = select(_ACCESS.c.id).where(_ACCESS.c.id < floor).order_by(_ACCESS.c.id).limit(batch)
    refresh = select(_REFRESH.c.id).where(_REFRESH.c.id < floor).order_by(_REFRESH.c.id).limit(batch)
    ended = select(_GRANT.c.id).where(_GRANT.c.live_until <= now).order_by(_GRANT.c.live_until).limit(batch)
    stale = select(_REFUSED.c.id).where(is_expired(now)).order_by(_REFUSED.c.at).limit(batch)
    old = select(_FAILURE.c.id).where(_FAILURE.c.at <= now - FAILURE_SECONDS)
    over = select(_KEY.c.kid).where(_KEY.c.ends_at <= now - _LEEWAY).limit(batch)
    ways = {
        "access_token": delete(_ACCESS).where(_ACCESS.c.id.in_(access)),
        "refresh_token": delete(_REFRESH).where(_REFRESH.c.id.in_(refresh)),
        "grant": delete(_GRANT).where(_GRANT.c.id.in_(ended)),
        "login_failure": delete(_FAILURE).where(_FAILURE.c.id.in_(old.order_by(_FAILURE.c.at).limit(batch))),
        "refused_password": delete(_REFUSED).where(_REFUSED.c.id.in_(stale)),
        "signing_key": delete(_KEY).where(_KEY.c.kid.in_(over)),
        **_of_sign_in(now, batch),
        **old_usage(now),
        "app_password": delete(_APP_PASSWORD).where(_APP_PASSWORD.c.ended_at <= now - _ENDED_SECONDS),
    }
    batches = _Batches(batch, after)
    return {name: batches.all(name, Statement(way)) for name, way in ways.items()}


def _of_sign_in(now: int, batch: int) -> dict[str, Delete]:
    """The statements for the tables of sign-in. The clients of a session are deleted with it."""
    unused = _CODE.c.used_at.is_(None) & (_CODE.c.expires_at <= now - _LEEWAY)
    over = {
        _REQUEST: _REQUEST.c.expires_at <= now,
        _CODE: (_CODE.c.expires_at <= now - _CODE_SECONDS) | unused,
        _DEVICE: _DEVICE.c.expires_at <= now - DEVICE_CODE_SECONDS,
        _GUESS: _GUESS.c.at <= now - _GUESS_SECONDS,
        _NOTICE: _NOTICE.c.expires_at <= now,
        _SESSION: _SESSION.c.expires_at <= now - _SESSION_LEEWAY,
    }
    return {
        rows.name: delete(rows).where(rows.c.id.in_(select(rows.c.id).where(is_over).limit(batch)))
        for rows, is_over in over.items()
    }


def purge_audit(before: int, *, batch: int = 1000, after: Callable[[Batch], None] = go_on) -> int:
    """Delete audit rows from before a time, oldest first. Keys follow time, so no index is needed.

    Once audit rows are counted as usage, one that was not counted yet stays.

    Args:
        before: seconds since the epoch.
        batch: rows a transaction.
        after: is called after each batch.

    Returns:
        The number of deleted rows.

    Raises:
        StoreUnavailable: some rows were not deleted; another call deletes them.
    """
    oldest = select(_AUDIT.c.id, _AUDIT.c.at).order_by(_AUDIT.c.id).limit(batch)
    counted = counted_up_to()
    if counted is not None:
        oldest = oldest.where(_AUDIT.c.id <= counted)
    gone = Statement(delete(_AUDIT).where(_AUDIT.c.id <= bindparam("last"), _AUDIT.c.at < before))
    batches, count = _Batches(batch, after, then=keep_progress), 0
    while True:
        with connection() as link:
            # Read before the transaction, so that SQLite's transaction writes from its first statement.
            found = [row.id for row in link.execute(oldest) if row.at < before]
        if not found:
            return count
        count += batches.one("audit_event", gone, {"last": max(found)})
        if len(found) < batch:
            return count


class _Batches:
    """Runs batches one after the other, and reports each."""

    def __init__(
        self,
        size: int,
        after: Callable[[Batch], None],
        then: Callable[[DriverConnection], None] = lambda _: None,
    ) -> None:
        self._size = size
        self._after = after
        self._then = then
        self._checkpoints = Checkpoints(db.engine)
        self._version: int | None = None

    def all(self, name: str, statement: Statement[Any]) -> int:
        """Run a statement until it deletes less than a full batch, and return how many rows it deleted."""
        gone = count = self.one(name, statement, {})
        while count == self._size:
            count = self.one(name, statement, {})
            gone += count
        return gone

    def one(self, name: str, statement: Statement[Any], values: Mapping[str, Any]) -> int:
        """Run a statement once in its own transaction, and return how many rows it deleted.

        A checkpoint follows, so that workers need not write the changed pages back: each row can change a
        page of an index.
        """
        with DriverConnection() as link:
            link.begin()
            began = monotonic()
            count = link.run(statement, values)
            self._then(link)
            link.commit()
        self._checkpoints.write_back(restart=False)
        seconds = monotonic() - began
        self._after(Batch(name, count, seconds, self._is_alone()))
        return count

    def _is_alone(self) -> bool:
        """Whether no other connection has changed the database since the last call."""
        if db.engine.dialect.name != "sqlite":
            return False
        with connection() as link:
            # It changes if and only if another connection has committed.
            version: int = link.exec_driver_sql("PRAGMA data_version").scalar_one()
        before, self._version = self._version, version
        return version == before
