"""A background thread checkpoints SQLite's write-ahead log, and restarts it when it is long."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import event

from models import Checkpoints, StoreUnavailable, purge
from models.sqlite.checkpoints import CheckpointLimits
from tests.models.stores import Place, Stores
from tests.models.test_store_sqlite import place

__all__ = ["place"]


class Log(NamedTuple):
    """The pages in the log, and how many of them are written back."""

    pages: int
    written_back: int


def log_of(file: Path) -> Log:
    """The state of the log, from its index: a query by SQLite would write the log back."""
    index = file.with_name(f"{file.name}-shm").read_bytes()
    # Its number of pages, and how many are in the database by now (the WAL-mode file format, 2.1).
    return Log(int.from_bytes(index[16:20], "little"), int.from_bytes(index[96:100], "little"))


@pytest.fixture
def file(place: Place) -> Path:
    """The file of the database."""
    return Path(place.url.removeprefix("sqlite:///"))


def test_log_is_checkpointed(stores: Stores, file: Path) -> None:
    """After a checkpoint, all committed pages are in the database file."""
    stores.issue()
    assert log_of(file).written_back < log_of(file).pages
    Checkpoints(stores.engine).write_back()
    assert log_of(file).written_back == log_of(file).pages > 0


def test_long_log_is_restarted(stores: Stores, file: Path) -> None:
    """A log over the bound does not grow: the next commit begins at its start."""
    checkpoints = Checkpoints(stores.engine, CheckpointLimits(restart_pages=20))
    for _ in range(10):
        stores.issue()
    long = log_of(file).pages
    assert long > 20
    checkpoints.write_back()
    assert checkpoints.stats().restarts == 1
    stores.issue()
    assert 0 < log_of(file).pages < long


def test_long_log_waits_for_a_better_moment(stores: Stores, file: Path) -> None:
    """While others write without pause, writers are held up only for a log that is far too long."""
    limits = CheckpointLimits(restart_pages=1, few_pages=1)
    patient = Checkpoints(stores.engine, limits)
    urgent = Checkpoints(stores.engine, limits._replace(must_restart_pages=1))

    def write(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement == "PRAGMA wal_checkpoint(PASSIVE)":
            stores.issue()

    event.listen(stores.engine, "after_cursor_execute", write)
    stores.issue()
    # A log with a reader cannot restart, and grows.
    with closing(sqlite3.connect(file)) as reader:
        reader.execute("BEGIN")
        reader.execute('SELECT * FROM "grant"').fetchall()
        patient.write_back()
        assert patient.stats() == (6, 0)
        urgent.write_back()
        assert urgent.stats() == (6, 1)


def test_purge_checkpoints_each_batch(stores: Stores, file: Path) -> None:
    """A purge writes its pages back batch by batch, and leaves no work to the server."""
    for _ in range(5):
        stores.issue()
    stores.clock.now += 100 * 86_400
    left: list[int] = []
    purge(stores.now, batch=2, after=lambda _: left.append(log_of(file).pages - log_of(file).written_back))
    assert len(left) > 5
    assert set(left) == {0}


def test_long_reader_delays_nobody(stores: Stores, file: Path) -> None:
    """During a long read, such as a backup, the log grows and nobody waits."""
    checkpoints = Checkpoints(stores.engine, CheckpointLimits(restart_pages=1))
    stores.issue()
    with closing(sqlite3.connect(file)) as reader:
        reader.execute("BEGIN")
        reader.execute('SELECT * FROM "grant"').fetchall()
        stores.issue()
        checkpoints.write_back()
        stores.issue()
        assert log_of(file).written_back < log_of(file).pages
    checkpoints.write_back()
    assert log_of(file).written_back == log_of(file).pages


def test_connection_gets_its_busy_timeout_back(stores: Stores) -> None:
    """The next user of the connection waits for a lock for the usual time."""
    Checkpoints(stores.engine).write_back()
    with stores.engine.connect() as link:
        assert link.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 3000


def test_checkpoint_is_due_after_250_writes(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread checkpoints once in 250 writes, and goes on after an error."""
    woken: list[int] = []
    was_woken = threading.Semaphore(0)

    def write_back(_: Checkpoints) -> None:
        woken.append(1)
        was_woken.release()
        raise StoreUnavailable("disk I/O error")

    monkeypatch.setattr(Checkpoints, "write_back", write_back)
    thread = Checkpoints(stores.engine)
    thread.start()
    for _ in range(249):
        thread.wrote(1)
    assert not woken
    for _ in range(2):
        thread.wrote(250)
        assert was_woken.acquire(timeout=30)
    assert len(woken) == 2
