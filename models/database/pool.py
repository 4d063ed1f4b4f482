"""The pool of connections: SQLAlchemy's own, with a short way in and out of it for the hot path.

Owns: that who takes a connection here and who takes one through SQLAlchemy share the same few, under the same
bound; and whose turn it is, where a database has one writer at a time. Must not know: what is done with one.
"""

from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Any, cast

from sqlalchemy.exc import TimeoutError as TooLate
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool
from sqlalchemy.pool.base import _ConnectionRecord

from core.request_deadline import bounded

WAITS_OURSELVES = "waits ourselves"
"""Marks a connection to SQLite whose `busy_timeout` is 0, in its info: `DriverConnection` waits for locks."""


class DatabasePool(QueuePool):
    """SQLAlchemy's pool, whose proxies and events cost more than a look-up where nobody needs them.

    Whoever takes a connection gives it back, whatever happened: no proxy does so for them.
    """

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.turn = Lock()
        """Who writes holds it. SQLite itself lets other writers sleep, longer each time, and look again."""
        self.taken: Callable[[Any], None] | None = None
        """Is shown the driver's connection when one is taken, before it is used."""

    def recreate(self) -> "DatabasePool":
        """A new pool in the place of this one, for the same writers and the same watch."""
        made = cast("DatabasePool", super().recreate())
        made.turn, made.taken = self.turn, self.taken
        return made

    def await_turn(self) -> float:
        """Take the turn, in no more time than a connection may take, and give back the seconds it took.

        Raises:
            SQLAlchemyError: it did not come in time.
        """
        if self.turn.acquire(blocking=False):
            return 0.0
        began = monotonic()
        if not self.turn.acquire(timeout=bounded(self.timeout())):
            raise TooLate("other writers of this process took too long")
        return monotonic() - began

    def take(self) -> ConnectionPoolEntry:
        """Take a connection that is open, as far as anybody knows.

        Raises:
            SQLAlchemyError: none came free in time, or as the dialect says it of a new one.
            Exception: the driver's own error, where no new one could be opened.
        """
        entry = self._do_get()
        try:
            driver = cast("_ConnectionRecord", entry).get_connection()
            if self.taken is not None:
                self._show(entry, driver, self.taken)
        except BaseException:
            self.give(entry)
            raise
        return entry

    @staticmethod
    def _show(entry: ConnectionPoolEntry, driver: Any, taken: Callable[[Any], None]) -> None:
        try:
            taken(driver)
        except BaseException:
            entry.invalidate()
            raise

    def give(self, entry: ConnectionPoolEntry) -> None:
        """Give a connection back, with no transaction on it; or one that is invalid, to be opened anew."""
        self._do_return_conn(entry)
