"""Checkpoints SQLite's write-ahead log in a background thread.

By default, the request whose commit makes the log long writes it back, and its answer waits: 0.1 s, twice a
second on a busy server. Under a steady load the log is never written back completely, so it cannot restart
and grows. Here a thread of the worker checkpoints and restarts the log.

Owns: when to checkpoint. Must not know: what is written.
"""

import logging
import threading
from typing import NamedTuple

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from models.base import WAIT_SECONDS, StoreUnavailable, unavailable

_LOG = logging.getLogger(__name__)

# Passes to shorten what is left to write back while writers are held up.
_MAX_PASSES = 5
# Milliseconds to wait for readers and writers; a later checkpoint will do as well.
_LOCK_WAIT_MS = 20


class CheckpointLimits(NamedTuple):
    """When to checkpoint and to restart the log. Pages have 4 KiB.

    Many writes to one page are written back once. In a large database, where each write changes its own page,
    `writes_between` keeps a checkpoint short. From `restart_pages` on, writers may be held up for 10 ms to
    restart the log, while it writes back at most `few_pages`; from `must_restart_pages` on, for longer.
    """

    writes_between: int = 250
    restart_pages: int = 16_000
    must_restart_pages: int = 28_000
    few_pages: int = 200


class CheckpointStats(NamedTuple):
    """The number of checkpoints of each kind. Only a restart holds up writers."""

    passive: int = 0
    restarts: int = 0


class Checkpoints:
    """Checkpoints the log of one database, in a thread."""

    def __init__(self, engine: Engine, limits: CheckpointLimits = CheckpointLimits()) -> None:  # noqa: B008
        self._engine = engine
        self._limits = limits
        self._stats = CheckpointStats()
        self._is_needed = engine.dialect.name == "sqlite"
        self._written = 0
        self._is_due = threading.Event()

    def stats(self) -> CheckpointStats:
        """The checkpoints so far."""
        return self._stats

    def wrote(self, count: int) -> None:
        """Count stored writes."""
        self._written += count
        if self._written >= self._limits.writes_between:
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
                    pages = self._checkpoint(link)
                    if restart and pages >= self._limits.restart_pages:
                        self._restart(link, pages)
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

    def _restart(self, link: Connection, pages: int) -> None:
        """Restart a log of `pages` pages."""
        # If others write so much that the rest is never short, wait for a better moment until the log is too
        # long.
        least = self._limits.must_restart_pages
        for _ in range(_MAX_PASSES):
            # Passive checkpoints delay no writer. They run until the rest, for which writers wait, is short.
            before, pages = pages, self._checkpoint(link)
            if pages - before < self._limits.few_pages:
                least = self._limits.restart_pages
                break
        if pages >= least:
            link.exec_driver_sql("PRAGMA wal_checkpoint(RESTART)")
            self._stats = self._stats._replace(restarts=self._stats.restarts + 1)

    def _checkpoint(self, link: Connection) -> int:
        """Run a passive checkpoint, and return the pages of the log; -1 if another connection runs one."""
        pages: int = link.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").one()[1]
        self._stats = self._stats._replace(passive=self._stats.passive + 1)
        return pages
