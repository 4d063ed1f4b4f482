"""A background thread checkpoints SQLite's write-ahead log, and restarts it when it is long."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import Connection

from models import Checkpoints, StoreUnavailable, purge
from models.sqlite import checkpoints
from tests.models.stores import Place, Stores
from tests.models.test_store_sqlite import place

__all__ = ["place"]


class Log(NamedTuple):
    """Pages in the log, and how many of them are written back."""

    pages: int
    written_back: int


def log_of(file: Path) -> Log:
    """What the index of the log says: to ask SQLite would write it back."""
    index = file.with_name(f"{file.name}-shm").read_bytes()
    # Its number of pages, and how many are in the database by now (the WAL-mode file format, 2.1).
    return Log(int.from_bytes(index[16:20], "little"), int.from_bytes(index[96:100], "little"))


@pytest.fixture
def file(place: Place) -> Path:
    """The file of the database."""
    return Path(place.url.removeprefix("sqlite:///"))


def test_log_is_checkpointed(stores: Stores, file: Path) -> None:
    """What was committed is in the database itself afterwards."""
    stores.issue()
    assert log_of(file).written_back < log_of(file).pages
    Checkpoints(stores.engine).write_back()
    assert log_of(file).written_back == log_of(file).pages > 0


def test_long_log_is_restarted(stores: Stores, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log over the bound does not grow: the next commit begins at its start."""
    monkeypatch.setattr("models.sqlite.checkpoints._RESTART_PAGES", 20)
    for _ in range(10):
        stores.issue()
    long = log_of(file).pages
    assert long > 20
    Checkpoints(stores.engine).write_back()
    stores.issue()
    assert 0 < log_of(file).pages < long


def test_long_log_waits_for_a_better_moment(
    stores: Stores, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While others write without end nobody is held up for it, unless the log is far too long."""
    modes: list[str] = []
    write_back = checkpoints._checkpoint

    def beside_others(link: Connection, mode: str) -> int:
        modes.append(mode)
        pages = write_back(link, mode)
        if mode == "PASSIVE":
            stores.issue()
        return pages

    monkeypatch.setattr(checkpoints, "_checkpoint", beside_others)
    monkeypatch.setattr(checkpoints, "_RESTART_PAGES", 1)
    monkeypatch.setattr(checkpoints, "_FEW_PAGES", 1)
    stores.issue()
    # A log that somebody reads grows on and on.
    with closing(sqlite3.connect(file)) as reader:
        reader.execute("BEGIN")
        reader.execute('SELECT * FROM "grant"').fetchall()
        Checkpoints(stores.engine).write_back()
        assert set(modes) == {"PASSIVE"}
        monkeypatch.setattr(checkpoints, "_MUST_RESTART_PAGES", 1)
        Checkpoints(stores.engine).write_back()
        assert modes[-1] == "RESTART"


def test_a_purge_leaves_nothing_to_write_back(stores: Stores, file: Path) -> None:
    """Who deletes many rows writes them back, batch by batch: those who serve find nothing more to do."""
    for _ in range(5):
        stores.issue()
    stores.clock.now += 100 * 86_400
    left: list[int] = []
    purge(stores.now, batch=2, after=lambda _: left.append(log_of(file).pages - log_of(file).written_back))
    assert len(left) > 5
    assert set(left) == {0}


def test_reader_holds_up_nobody(stores: Stores, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While somebody reads what is old, as a backup does, the log grows, and nobody waits for them."""
    monkeypatch.setattr("models.sqlite.checkpoints._RESTART_PAGES", 1)
    stores.issue()
    with closing(sqlite3.connect(file)) as reader:
        reader.execute("BEGIN")
        reader.execute('SELECT * FROM "grant"').fetchall()
        stores.issue()
        Checkpoints(stores.engine).write_back()
        stores.issue()
        assert log_of(file).written_back < log_of(file).pages
    Checkpoints(stores.engine).write_back()
    assert log_of(file).written_back == log_of(file).pages


def test_connection_waits_as_before(stores: Stores) -> None:
    """Whoever has the connection next waits for a lock as long as everybody does."""
    Checkpoints(stores.engine).write_back()
    with stores.engine.connect() as link:
        assert link.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 3000


def test_it_is_due_after_many_writes(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread is woken once in so many pieces of work, and goes on after trouble."""
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
