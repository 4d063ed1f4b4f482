"""The one clock by which everything is decided: that of the database, carried on by our monotonic one.

Several nodes share a PostgreSQL, and its clock. SQLite has none of its own: there it is the machine's. In
between the monotonic clock goes on, so that a step of the machine's clock moves nothing.

Owns: that time never goes back, so that nothing which has ended lives again. Must not know: what is decided.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Lock
from typing import Any

import psycopg

from models.base import connection

ACCEPTED = "clock.accepted"
"""The audit event with which an operator says that the clock is right: rows before it are no mark."""
JUMPED, BEHIND = "clock.jumped", "clock.behind"
"""What is told: the database's clock went forward by much at once, or is behind what was written by it."""

# Seconds between two looks at the database's clock, and those of a difference that is worth an alarm.
_EVERY, _ALARM = 10.0, 60.0
# How much slower time goes while it is ahead of the database's clock. It never stands, and never goes back.
_SLOWER = 0.01
# The newest audit rows, of which some may have waited for a minute before they were written.
_NEWEST = "SELECT at, event FROM audit_event ORDER BY id DESC LIMIT 200"
# There is no table yet, or a migration holds it: the next connection will do.
_NOT_NOW = psycopg.ProgrammingError, psycopg.errors.LockNotAvailable
# Shorter than `statement_timeout`, which would end the look first, and with it the connection.
_LOCK_WAIT = "SET LOCAL lock_timeout = '250ms'"
_NOW = "SELECT extract(epoch FROM clock_timestamp())::float8"


def _tell_nobody(_what: str, _seconds: float, _now: float) -> None:
    """Tell nobody."""


class ServerClock:
    """Seconds since the epoch; until the first connection, before which nothing is decided, the machine's."""

    def __init__(
        self, *, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin without a database.

        Args:
            wall: the machine's clock, in seconds since the epoch.
            monotonic: seconds since any moment, never going back.
        """
        self.tell: Callable[[str, float, float], None] = _tell_nobody
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
            self._note(self.wall())
            return self._monotonic() + (self._offset or offset)
        return now + offset

    def opened(self, driver: Any) -> None:
        """Look at the clock of a database to which a connection was opened.

        Args:
            driver: the driver's connection, with no transaction on it.

        Raises:
            psycopg.Error: the database does not say.
        """
        self._has_own = isinstance(driver, psycopg.Connection)
        if self._has_own:
            self._ask(driver)
        else:
            self._learn(driver)
            self._note(self.wall())

    def taken(self, driver: Any) -> None:
        """Look at the clock of PostgreSQL, where the last look is long enough ago.

        Args:
            driver: a connection that was taken out of the pool.

        Raises:
            psycopg.Error: the database does not say.
        """
        now = self._monotonic()
        if now >= self._due_at:
            self._due_at = now + _EVERY
            self._ask(driver)

    def _ask(self, driver: "psycopg.Connection[Any]") -> None:
        driver.autocommit = True
        try:
            self._learn(driver)
            row = driver.execute(_NOW).fetchone()
        finally:
            with suppress(psycopg.Error):
                driver.autocommit = False
        if row is not None:
            # It was as late as this before the answer was under way: never do we run ahead.
            self._note(float(row[0]))

    def _learn(self, driver: Any) -> None:
        """Read once how late it was when the database was last written to, as soon as there is a table."""
        if self._mark is not None:
            return
        with suppress(sqlite3.OperationalError, *_NOT_NOW):
            mark = newest(_newest_rows(driver))
            with self._lock:
                self._mark = mark
                if self._offset is not None:
                    # The table was locked at the first look: time goes on from the mark now.
                    self._offset = max(self._offset, mark - self._monotonic())

    def _note(self, reading: float) -> None:
        """Take what the database's clock says now."""
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
            self._is_behind = behind > (0 if was_behind else _ALARM)
            self._noted_at, self._due_at = at, at + _EVERY
        if jumped > _ALARM:
            self.tell(JUMPED, jumped, at + offset)
        if self._is_behind and not was_behind:
            self.tell(BEHIND, behind, at + offset)


def _newest_rows(driver: Any) -> list[tuple[int, str]]:
    """The newest rows of the audit; on PostgreSQL a locked table is not waited for.

    Args:
        driver: the driver's connection, with no transaction on it.
    """
    if not isinstance(driver, psycopg.Connection):
        return list(driver.execute(_NEWEST))
    with driver.transaction():
        driver.execute(_LOCK_WAIT)
        return driver.execute(_NEWEST).fetchall()


def newest(rows: Iterable[tuple[int, str]]) -> float:
    """How late it was when the newest rows of the audit were written; 0 where there are none.

    Args:
        rows: when and what, the newest first.
    """
    mark = 0.0
    for at, name in rows:
        mark = max(mark, at)
        if name == ACCEPTED:
            break
    return mark


def clock_of_the_database(wall: Callable[[], float] = time.time) -> tuple[float, float]:
    """What the database's clock says, and how late it was when the database was last written to.

    Args:
        wall: the machine's clock, which is that of SQLite.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    with connection() as link:
        mark = newest((at, name) for at, name in link.exec_driver_sql(_NEWEST))
        now = wall() if link.dialect.name == "sqlite" else link.exec_driver_sql(_NOW).scalar_one()
    return float(now), mark
