"""Small writes of one process to SQLite: one transaction for all that wait while another is being written.

SQLite has one writer. Who finds it busy sleeps there for a millisecond, then for two, and in the end for a
hundred, however soon the lock is free; and each commit pays for its own pages, and its own wait for the disk.
So threads of a process queue here, and who comes first writes for all that wait.

Owns: that each piece of work is stored whole or not at all, whoever it was written with. Must not know: what
is written. On PostgreSQL, which does all that by itself, it does nothing.
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

# Seconds for which a piece that is being written is waited for beyond the time that its request has.
_DISK_SECONDS = 0.5


class _Waiting:
    """A piece of work, and what came of it."""

    __slots__ = ("error", "is_done", "result", "work")

    def __init__(self, work: Callable[[DriverConnection], object]) -> None:
        self.work = work
        self.is_done = False
        self.result: object = None
        self.error: BaseException | None = None


class GroupCommit:
    """A queue for the writer of one process; `wrote` is told how many pieces each commit stored."""

    def __init__(self) -> None:
        self.wrote: Callable[[int], None] = _ignore
        self._turn = Lock()
        self._queue: deque[_Waiting] = deque()

    @cached_property
    def engine(self) -> Engine:
        """The engine of the application that these writes belong to: kept, since the look-up costs 1 µs."""
        return db.engine

    def __len__(self) -> int:
        """How many pieces wait."""
        return len(self._queue)

    def run(self, work: Callable[[DriverConnection], T], *, alone: bool = False) -> T:
        """Do a piece of work in a transaction, and commit it.

        Args:
            work: runs its statements on the connection, and commits nothing. It may be done twice, the first
                time undone; where it raises, nothing of it is stored.
            alone: whether it is a single statement on PostgreSQL.

        Raises:
            StoreUnavailable: nothing was stored; or nobody can say, where a commit was not answered.
            Exception: whatever `work` raises; nothing was stored.
        """
        if self.engine.dialect.name != "sqlite":
            return self._stored(work, alone=alone)
        mine = _Waiting(work)
        self._queue.append(mine)
        if self._takes_turn(mine):
            try:
                if not mine.is_done:
                    self._write(mine)
            finally:
                self._turn.release()
        if mine.error is not None:
            raise mine.error
        if not mine.is_done:
            raise StoreUnavailable("nobody has written it")
        return cast("T", mine.result)

    def _takes_turn(self, mine: _Waiting) -> bool:
        """Wait for the turn to write. False where it does not come, and another thread has written it.

        Raises:
            StoreUnavailable: it does not come in time.
        """
        if self._turn.acquire(blocking=False) or self._turn.acquire(timeout=bounded(WAIT_SECONDS)):
            return True
        try:
            self._queue.remove(mine)
        except ValueError:
            # It is being written just now: the lock is held, and only the disk is waited for.
            if self._turn.acquire(timeout=_DISK_SECONDS):
                return True
            if mine.is_done:
                return False
            raise StoreUnavailable(
                "the disk is slow: nobody can say what is stored", stops_all=True
            ) from None
        raise StoreUnavailable("others of this process write, and take too long", stops_all=True)

    def _write(self, mine: _Waiting) -> None:
        """Write all that waits by the time that nobody else writes; where none can, `mine` alone fails."""
        batch: list[_Waiting] = []
        ended = 0
        try:
            # On a busy machine there is more to write when our turn comes; on an idle one it comes at once.
            sched_yield()
            with DriverConnection(engine=self.engine) as link:
                link.begin()
                batch = self._waiting()
                for each in batch:
                    each.result = each.work(link)
                    ended += 1
                link.commit()
        except Exception as error:  # noqa: BLE001 - each is told where it came from
            if ended < len(batch) != 1:
                for each in batch:
                    self._store(each)
            elif batch:
                _fail(batch, error)
            else:
                # Others may have more time left than this one had, and take their own turn.
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
        """Take all that waits; others may give up, and take theirs back, at any moment."""
        taken = []
        with suppress(IndexError):
            while True:
                taken.append(self._queue.popleft())
        return taken

    def _stored(self, work: Callable[[DriverConnection], T], *, alone: bool = False) -> T:
        """Do a piece of work in a transaction of its own, and return its result."""
        with DriverConnection(alone=alone, engine=self.engine) as link:
            link.begin()
            result = work(link)
            link.commit()
        return result

    def _store(self, waiting: _Waiting) -> None:
        try:
            waiting.result = self._stored(waiting.work)
        except Exception as error:  # noqa: BLE001 - it is raised where the work came from
            waiting.error = error


def _fail(batch: Sequence[_Waiting], error: Exception) -> None:
    for each in batch:
        each.error, each.is_done = error, True


def _ignore(_: int) -> None:
    """Tell nobody."""
