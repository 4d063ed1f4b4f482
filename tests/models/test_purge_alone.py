"""A purge knows whether other connections write, and how long its own work took."""

import sqlite3
from contextlib import closing
from importlib import import_module
from pathlib import Path

import pytest

from models import Batch, purge
from models.database.driver import DriverConnection
from models.sqlite.checkpoints import Checkpoints
from tests.models.stores import Place, Stores
from tests.models.test_store_sqlite import place

__all__ = ["place"]

DAYS = 100 * 86_400


def test_purge_knows_that_no_other_connection_writes(stores: Stores) -> None:
    """From the second batch on, the purge knows that no other connection writes."""
    for _ in range(3):
        stores.issue()
    stores.clock.now += DAYS
    batches = list[Batch]()
    purge(stores.now, batch=1, after=batches.append)
    assert [each.rows for each in batches if each.table == "access_token"] == [1, 1, 1, 0]
    assert [each.is_alone for each in batches] == [False] + [True] * (len(batches) - 1)
    assert all(each.seconds > 0 for each in batches)


def test_purge_notices_the_commit_of_another_process(stores: Stores, place: Place) -> None:
    """A commit of another process between two batches is noticed once."""
    for _ in range(4):
        stores.issue()
    stores.clock.now += DAYS
    batches = list[Batch]()

    def write(batch: Batch) -> None:
        batches.append(batch)
        if len(batches) == 2:
            with closing(sqlite3.connect(Path(place.url.removeprefix("sqlite:///")))) as other:
                other.execute("DELETE FROM login_failure")
                other.execute("PRAGMA user_version=7")
                other.commit()

    purge(stores.now, batch=1, after=write)
    assert [each.is_alone for each in batches[:4]] == [False, True, False, True]


def test_wait_for_the_lock_does_not_count_as_work(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait for another writer's lock does not count, so that pauses do not grow with it."""
    stores.issue()
    stores.clock.now += DAYS
    moments = iter(range(10_000))
    monkeypatch.setattr(import_module("models.grants.purge"), "monotonic", lambda: float(next(moments)))
    begin = DriverConnection.begin

    def wait_first(link: DriverConnection) -> None:
        if not link.holds_write_lock:
            for _ in range(50):
                next(moments)
        begin(link)

    monkeypatch.setattr(DriverConnection, "begin", wait_first)
    monkeypatch.setattr(Checkpoints, "write_back", lambda *_, **__: None)
    batches = list[Batch]()
    purge(stores.now, batch=10, after=batches.append)
    assert {each.seconds for each in batches} == {1.0}
