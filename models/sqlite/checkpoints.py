"""The write-ahead log of SQLite is written back beside the requests, not by one of them.

Who commits when the log is long writes it back, and their answer waits for it: a tenth of a second, twice a
second on a busy server. And under a steady load the log is never written back whole, so that it begins anew:
it grows. Here a thread of the worker does both.

Owns: when. Must not know: what is written.
"""

import logging
import threading

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from models.base import WAIT_SECONDS, StoreUnavailable, unavailable

_LOG = logging.getLogger(__name__)

# Pieces of work (`GroupCommit`): a page that many of them change is written back once for all, and in a large
# database, where each changes one of its own, not so many at once that the disk is busy for long.
_EVERY = 250
# Pages of 4 KiB after which writers are held up, for a hundredth of a second, so that the log begins anew;
# and those after which it may take longer.
_LONG, _TOO_LONG = 16_000, 28_000
# Pages that may be left for the time in which nobody writes; and how often to try for so few.
_SHORT, _PASSES = 200, 5
# Milliseconds to wait for others who read or write; the next time will do as well.
_PATIENCE = 20


class Checkpoints:
    """Writes back the log of one database, in a thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._is_needed = engine.dialect.name == "sqlite"
        self._written = 0
        self._is_due = threading.Event()

    def wrote(self, count: int) -> None:
        """Be told how many pieces of work were stored."""
        self._written += count
        if self._written >= _EVERY:
            self._written = 0
            self._is_due.set()

    def start(self) -> None:
        """Begin, where the database is SQLite; it ends with the process."""
        if self._is_needed:
            threading.Thread(target=self._work, name="checkpoints", daemon=True).start()

    def write_back(self, *, anew: bool = True) -> None:
        """Write back what the log of SQLite holds.

        Args:
            anew: whether to let it begin anew where it is long, for which writers may be held up.

        Raises:
            StoreUnavailable: it could not be written back: all is in the log, and stays there.
        """
        if not self._is_needed:
            return
        try:
            with self._engine.connect() as connection:
                link = connection.execution_options(isolation_level="AUTOCOMMIT")
                link.exec_driver_sql(f"PRAGMA busy_timeout={_PATIENCE}")
                try:
                    long = _written_back(link, "PASSIVE")
                    if anew and long >= _LONG:
                        _begin_anew(link, long)
                finally:
                    link.exec_driver_sql(f"PRAGMA busy_timeout={WAIT_SECONDS * 1000}")
        except SQLAlchemyError as error:
            raise unavailable(error) from None

    def _work(self) -> None:
        while self._is_due.wait():
            self._is_due.clear()
            try:
                self.write_back()
            except StoreUnavailable as error:
                _LOG.warning("the database's log could not be written back: %s", error)


def _begin_anew(link: Connection, long: int) -> None:
    """Let a log of so many pages begin anew."""
    # Where others write so much that the last part is never short, it may wait for a better moment.
    least = _TOO_LONG
    for _ in range(_PASSES):
        # Without holding anybody up, until the last part, with nobody writing, is a short one.
        before, long = long, _written_back(link, "PASSIVE")
        if long - before < _SHORT:
            least = _LONG
            break
    if long >= least:
        _written_back(link, "RESTART")


def _written_back(link: Connection, mode: str) -> int:
    """Write the log back, and give back its pages; -1 where somebody else does it."""
    pages: int = link.exec_driver_sql(f"PRAGMA wal_checkpoint({mode})").one()[1]
    return pages
