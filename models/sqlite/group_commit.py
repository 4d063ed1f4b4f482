"""Group commit for SQLite: the small writes of a process that wait share one transaction.

SQLite has one writer. A connection that finds it busy sleeps for 1 ms, then 2, up to 100, even if the lock is
free earlier. Each commit pays for its own pages and its own wait for the disk. So the threads of a process
queue here, and the first one writes for all that wait.

Owns: that each write is stored completely or not at all, whichever others share its transaction. Must not
know: what is written. On PostgreSQL, which groups commits itself, each write has its own transaction.
"""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from os import sched_yield
from threading import Lock
from typing import TypeVar, cast

from sqlalchemy import Engine

from core.request_deadline import bounded
from models.base import WAIT_SECONDS, StoreUnavailable, db
from models.database.driver import DriverConnection

T = TypeVar("T")

# Seconds to wait, beyond the request's deadline, for a write that is already under way.
_DISK_SECONDS = 0.5


class _Waiting:
    """A queued write and its outcome."""

    __slots__ = ("error", "is_done", "result", "work")

    def __init__(self, work: Callable[[DriverConnection], object]) -> None:
        self.work = work
        self.is_done = False
        self.result: object = None
        self.error: BaseException | None = None


class GroupCommit:
    """The write queue of one process; `wrote` is called with the number of writes of each commit."""

    def __init__(self) -> None:
        self.wrote: Callable[[int], None] = _ignore
        self._right = Lock()
        self._queue: deque[_Waiting] = deque()

    @cached_property
    def engine(self) -> Engine:
        """The application's engine, kept because Flask-SQLAlchemy's look-up costs 1 µs."""
        return db.engine

    def __len__(self) -> int:
        """The number of queued writes."""
        return len(self._queue)

    def run(self, work: Callable[[DriverConnection], T], *, alone: bool = False) -> T:
        """Run a write in a transaction, and commit it.

        Args:
            work: runs its statements on the connection and does not commit. It may run twice, after a
                rollback of the first run. If it raises, nothing of it is stored.
            alone: whether it is a single statement on PostgreSQL.

        Raises:
            StoreUnavailable: nothing was stored; or the outcome is unknown, if a commit had no answer.
            Exception: the error of `work`; nothing was stored.
        """
        if self.engine.dialect.name != "sqlite":
            return self._stored(work, alone=alone)
        mine = _Waiting(work)
        self._queue.append(mine)
        if self._acquires_right(mine):
            try:
                if not mine.is_done:
                    self._write(mine)
            finally:
                self._right.release()
        if mine.error is not None:
            raise mine.error
        if not mine.is_done:
            raise StoreUnavailable("no thread has written it")
        return cast("T", mine.result)

    def _acquires_right(self, mine: _Waiting) -> bool:
        """Acquire the right to write. False if it did not come, but another thread wrote `mine`.

        Raises:
            StoreUnavailable: the right did not come in time.
        """
        if self._right.acquire(blocking=False) or self._right.acquire(timeout=bounded(WAIT_SECONDS)):
            return True
        try:
            self._queue.remove(mine)
        except ValueError:
            # Another thread writes it right now, and only the disk is slow.
            if self._right.acquire(timeout=_DISK_SECONDS):
                return True
            if mine.is_done:
                return False
            raise StoreUnavailable("the disk is slow: what is stored is unknown", stops_all=True) from None
        raise StoreUnavailable("other writers of this process took too long", stops_all=True)

    def _write(self, mine: _Waiting) -> None:
        """Write everything queued once the write lock is free. If it never is, only `mine` fails."""
        batch: list[_Waiting] = []
        ended = 0
        try:
            # On a busy machine other threads queue more writes meanwhile; an idle one returns at once.
            sched_yield()
            with DriverConnection(engine=self.engine) as link:
                link.begin()
                batch = self._waiting()
                for each in batch:
                    each.result = each.work(link)
                    ended += 1
                link.commit()
        except Exception as error:  # noqa: BLE001 - each thread raises its own
            if ended < len(batch) != 1:
                for each in batch:
                    self._store(each)
            elif batch:
                _fail(batch, error)
            else:
                # The other queued writes may have more time left, and their threads try again.
                with suppress(ValueError):
                    self._queue.remove(mine)
                _fail([mine], error)
        except BaseException:
            _fail(batch or self._waiting(), StoreUnavailable("the writer was interrupted"))
            raise
        for each in batch:
            each.is_done = True
        self.wrote(len(batch))

    def _waiting(self) -> list[_Waiting]:
        """Take all queued writes. Threads may give up and remove theirs at any moment."""
        taken = []
        with suppress(IndexError):
            while True:
                taken.append(self._queue.popleft())
        return taken

    def _stored(self, work: Callable[[DriverConnection], T], *, alone: bool = False) -> T:
        """Run a write in its own transaction, and return its result."""
        with DriverConnection(alone=alone, engine=self.engine) as link:
            link.begin()
            result = work(link)
            link.commit()
        return result

    def _store(self, waiting: _Waiting) -> None:
        try:
            waiting.result = self._stored(waiting.work)
        except Exception as error:  # noqa: BLE001 - the waiting thread raises it
            waiting.error = error


def _fail(batch: Sequence[_Waiting], error: Exception) -> None:
    for each in batch:
        each.error, each.is_done = error, True


def _ignore(_: int) -> None:
    """Do nothing."""
