"""Checkpoints SQLite's write-ahead log in a background thread.

By default, the request whose commit makes the log long writes it back, and its answer waits: 0.1 s, twice a
second on a busy server. Under a steady load the log is never written back completely, so it cannot restart
and grows. Here a thread of the worker checkpoints and restarts the log.

Owns: when to checkpoint. Must not know: what is written.
"""

import logging
import threading

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from models.base import WAIT_SECONDS, StoreUnavailable, unavailable

_LOG = logging.getLogger(__name__)

# Writes (`GroupCommit`) between two checkpoints. Many writes to one page are written back once; in a large
# database, where each write changes its own page, a checkpoint stays short.
_WRITES_BETWEEN = 250
# Pages of 4 KiB from which writers may be held up for 10 ms to restart the log; and for longer.
_RESTART_PAGES, _MUST_RESTART_PAGES = 16_000, 28_000
# The most pages to write back while writers are held up; and the passes to get there.
_FEW_PAGES, _MAX_PASSES = 200, 5
# Milliseconds to wait for readers and writers; a later checkpoint will do as well.
_LOCK_WAIT_MS = 20


class Checkpoints:
    """Checkpoints the log of one database, in a thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._is_needed = engine.dialect.name == "sqlite"
        self._written = 0
        self._is_due = threading.Event()

    def wrote(self, count: int) -> None:
        """Count stored writes."""
        self._written += count
        if self._written >= _WRITES_BETWEEN:
            self._written = 0
            self._is_due.set()

    def start(self) -> None:
        """Start the thread if the database is SQLite; it ends with the process."""
        if self._is_needed:
            threading.Thread(target=self._work, name="checkpoints", daemon=True).start()

    def write_back(self, *, restart: bool = True) -> None:
        """Checkpoint SQLite's log: write its pages back to the database.

        Args:
            restart: whether to restart a long log, for which writers may be held up.

        Raises:
            StoreUnavailable: the checkpoint failed; everything stays in the log.
        """
        if not self._is_needed:
            return
        try:
            with self._engine.connect() as connection:
                link = connection.execution_options(isolation_level="AUTOCOMMIT")
                link.exec_driver_sql(f"PRAGMA busy_timeout={_LOCK_WAIT_MS}")
                try:
                    pages = _checkpoint(link, "PASSIVE")
                    if restart and pages >= _RESTART_PAGES:
                        _restart(link, pages)
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
                _LOG.warning("the checkpoint of the database's log failed: %s", error)


def _restart(link: Connection, pages: int) -> None:
    """Restart a log of `pages` pages."""
    # If others write so much that the rest is never short, wait for a better moment until the log is too
    # long.
    least = _MUST_RESTART_PAGES
    for _ in range(_MAX_PASSES):
        # Passive checkpoints hold nobody up. They run until the rest, for which writers wait, is short.
        before, pages = pages, _checkpoint(link, "PASSIVE")
        if pages - before < _FEW_PAGES:
            least = _RESTART_PAGES
            break
    if pages >= least:
        _checkpoint(link, "RESTART")


def _checkpoint(link: Connection, mode: str) -> int:
    """Run a checkpoint, and return the pages of the log; -1 if another connection runs one."""
    pages: int = link.exec_driver_sql(f"PRAGMA wal_checkpoint({mode})").one()[1]
    return pages
