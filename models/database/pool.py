"""The connection pool: SQLAlchemy's, with a shorter checkout for the hot path.

Owns: that both kinds of checkout share the same connections and limits; and the lock of SQLite's one writer.
Must not know: what a connection is used for.
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
    """SQLAlchemy's pool. Its proxies and events cost more than a look-up, so `take` and `give` skip them.

    The caller of `take` must call `give` in every case: no proxy does it.
    """

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.write_lock = Lock()
        """The lock of the one writer of a process: SQLite would let others sleep longer at each try."""
        self.taken: Callable[[Any], None] | None = None
        """Called with the driver's connection at each checkout, before its use."""

    def recreate(self) -> "DatabasePool":
        """A new pool to replace this one, with the same write lock and the same hook."""
        made = cast("DatabasePool", super().recreate())
        made.write_lock, made.taken = self.write_lock, self.taken
        return made

    def acquire_write_lock(self) -> float:
        """Acquire the write lock within the pool's timeout, and return the seconds that it took.

        Raises:
            SQLAlchemyError: the lock did not come in time.
        """
        if self.write_lock.acquire(blocking=False):
            return 0.0
        began = monotonic()
        if not self.write_lock.acquire(timeout=bounded(self.timeout())):
            raise TooLate("other writers of this process took too long")
        return monotonic() - began

    def take(self) -> ConnectionPoolEntry:
        """Check out a connection.

        Raises:
            SQLAlchemyError: none came free in time, or the dialect refused a new one.
            Exception: the driver's error, if no new connection could be opened.
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
        """Return a connection with no transaction on it, or an invalidated one."""
        self._do_return_conn(entry)
