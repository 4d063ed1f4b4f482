"""The one clock of all decisions: the database's, continued by the monotonic clock between readings.

Several nodes share the clock of one PostgreSQL. SQLite uses the machine's clock. Between readings the
monotonic clock counts, so that a step of the machine's clock changes nothing.

Owns: that time never goes back, so that nothing that has ended becomes valid again. Must not know: decisions.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Lock
from typing import Any

from models.base import connection

ACCEPTED = "clock.accepted"
"""The audit event by which an operator accepts the clock: rows before it no longer bound the time."""
JUMPED, BEHIND = "clock.jumped", "clock.behind"
"""The alarms: the database's clock jumped forward, or is behind times that it gave before."""

# Seconds between two readings of the database's clock, and the difference that raises an alarm.
_READ_INTERVAL, _ALARM_SECONDS = 10.0, 60.0
# How much slower time passes while it is ahead of the database's clock. It never stops or goes back.
_SLOWER = 0.01
# The newest audit rows. Some may have waited for a minute before they were written.
_NEWEST = "SELECT at, event FROM audit_event ORDER BY id DESC LIMIT 200"
# PostgreSQL's lock_not_available, and its class of errors about what a statement names.
_NOT_YET = "55P03", "42"
# Shorter than `statement_timeout`, which would fail the reading and lose the connection.
_LOCK_WAIT = "SET LOCAL lock_timeout = '250ms'"
_NOW = "SELECT extract(epoch FROM clock_timestamp())::float8"


def _report_nothing(_what: str, _seconds: float, _now: float) -> None:
    """Report nothing."""


class ServerClock:
    """Seconds since the epoch. Until the first connection, when nothing is decided, the machine's clock."""

    def __init__(
        self, *, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin without a database.

        Args:
            wall: the machine's clock, in seconds since the epoch.
            monotonic: a monotonic clock, in seconds.
        """
        self.tell: Callable[[str, float, float], None] = _report_nothing
        self.wall = wall
        self._monotonic = monotonic
        self._lock = Lock()
        self._offset: float | None = None
        self._noted_at = 0.0
        self._due_at = float("inf")
        self._has_own = False
        self._mark: float | None = None
        self._is_behind = False

    def __call__(self) -> float:
        """Seconds since the epoch."""
        offset, now = self._offset, self._monotonic()
        if offset is None:
            return self.wall()
        if now >= self._due_at and not self._has_own:
            self._apply(self.wall())
            return self._monotonic() + (self._offset or offset)
        return now + offset

    def opened(self, driver: Any) -> None:
        """Read the database's clock on a new connection.

        Args:
            driver: the driver's connection, with no transaction on it.

        Raises:
            psycopg.Error: the database did not answer.
        """
        self._has_own = not isinstance(driver, sqlite3.Connection)
        if self._has_own:
            self._read(driver)
        else:
            self._read_mark(driver)
            self._apply(self.wall())

    def taken(self, driver: Any) -> None:
        """Read PostgreSQL's clock if the last reading is too old.

        Args:
            driver: a connection that was taken out of the pool.

        Raises:
            psycopg.Error: the database did not answer.
        """
        now = self._monotonic()
        if now >= self._due_at:
            self._due_at = now + _READ_INTERVAL
            self._read(driver)

    def _read(self, driver: Any) -> None:
        driver.autocommit = True
        try:
            self._read_mark(driver)
            row = driver.execute(_NOW).fetchone()
        finally:
            with suppress(driver.Error):
                driver.autocommit = False
        if row is not None:
            # The reading is older than its answer, so this node never runs ahead.
            self._apply(float(row[0]))

    def _read_mark(self, driver: Any) -> None:
        """Read once, as soon as the table exists, the time of the last write to the database."""
        if self._mark is not None:
            return
        try:
            mark = newest(_newest_rows(driver))
        except driver.Error as error:
            if _is_not_yet(error):
                return
            raise
        with self._lock:
            self._mark = mark
            if self._offset is not None:
                # The table was locked at the first reading: continue from the mark now.
                self._offset = max(self._offset, mark - self._monotonic())

    def _apply(self, reading: float) -> None:
        """Apply a reading of the database's clock."""
        with self._lock:
            at, known = self._monotonic(), self._offset
            fresh = reading - at
            if known is None:
                self._offset = offset = max(fresh, (self._mark or 0) - at)
                jumped = 0.0
            else:
                self._offset = offset = max(fresh, known - _SLOWER * (at - self._noted_at))
                jumped = fresh - known
            behind, was_behind = offset - fresh, self._is_behind
            self._is_behind = behind > (0 if was_behind else _ALARM_SECONDS)
            self._noted_at, self._due_at = at, at + _READ_INTERVAL
        if jumped > _ALARM_SECONDS:
            self.tell(JUMPED, jumped, at + offset)
        if self._is_behind and not was_behind:
            self.tell(BEHIND, behind, at + offset)


def _newest_rows(driver: Any) -> list[tuple[int, str]]:
    """The newest audit rows. On PostgreSQL, does not wait for a locked table.

    Args:
        driver: the driver's connection, with no transaction on it.
    """
    if isinstance(driver, sqlite3.Connection):
        return list(driver.execute(_NEWEST))
    with driver.transaction():
        driver.execute(_LOCK_WAIT)
        return list(driver.execute(_NEWEST))


def _is_not_yet(error: Exception) -> bool:
    """Whether there is no audit table yet, or a migration locks it: the next connection tries again.

    PostgreSQL's driver is not imported for SQLite, so its errors are known by their codes (SQLSTATE).
    """
    state = getattr(error, "sqlstate", None) or ""
    return isinstance(error, sqlite3.OperationalError) or state.startswith(_NOT_YET)


def newest(rows: Iterable[tuple[int, str]]) -> float:
    """The time at which the newest audit rows were written; 0 if there are none.

    Args:
        rows: the time and event of each, newest first.
    """
    mark = 0.0
    for at, name in rows:
        mark = max(mark, at)
        if name == ACCEPTED:
            break
    return mark


def clock_of_the_database(wall: Callable[[], float] = time.time) -> tuple[float, float]:
    """The time of the database's clock, and the time of the last write to the database.

    Args:
        wall: the machine's clock, which SQLite uses.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    with connection() as link:
        mark = newest((at, name) for at, name in link.exec_driver_sql(_NEWEST))
        now = wall() if link.dialect.name == "sqlite" else link.exec_driver_sql(_NOW).scalar_one()
    return float(now), mark
