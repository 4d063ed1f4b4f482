"""Small writes of one process to SQLite share a transaction, and each is stored completely or not at all."""

import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import TypeVar, cast

import pytest
from sqlalchemy import insert, select

from models import GroupCommit, StoreUnavailable
from models.base import connection, table
from models.database.driver import DriverConnection, Statement
from models.database.pool import DatabasePool
from models.tables import ScopeRow
from tests.models.stores import Place, Stores
from tests.models.test_store_sqlite import place

__all__ = ["place"]

T = TypeVar("T")
_SCOPE = table(ScopeRow)
_INSERT = Statement(insert(_SCOPE), _SCOPE.c.keys())
_ALL = Statement(select(_SCOPE.c.name))
# Seconds until a test gives up.
_PATIENCE = 30


class Refused(Exception):
    """The error of a write that must not be stored."""


class Crowd:
    """Threads that write to one queue: the first holds it up until all others wait."""

    def __init__(self, stores: Stores, commits: GroupCommit) -> None:
        self._app = stores.site.app
        self._commits = commits
        self._is_writing, self._may_end = Event(), Event()
        self.sizes: list[int] = []
        commits.wrote = self.sizes.append

    def work(self, *pieces: Callable[[DriverConnection], object]) -> list[Future[object]]:
        """Run the first write, then all others, which have waited for it."""
        with ThreadPoolExecutor(len(pieces) + 1) as pool:
            first = pool.submit(self._run, self._slowly)
            assert self._is_writing.wait(_PATIENCE)
            others = [pool.submit(self._run, piece) for piece in pieces]
            while len(self._commits) < len(pieces):
                assert not first.done()
            self._may_end.set()
        assert first.result() is None
        return others

    def _slowly(self, _: DriverConnection) -> None:
        self._is_writing.set()
        assert self._may_end.wait(_PATIENCE)

    def _run(self, piece: Callable[[DriverConnection], T]) -> T:
        with self._app.app_context():
            return self._commits.run(piece)


def scope(name: str) -> Callable[[DriverConnection], str]:
    """A write that stores a scope, and returns its name."""

    def work(link: DriverConnection) -> str:
        assert link.run(_INSERT, {"name": name, "description": "", "needs": []}) == 1
        return name

    return work


def refused(name: str) -> Callable[[DriverConnection], None]:
    """A write that stores a scope, and then raises."""

    def work(link: DriverConnection) -> None:
        scope(name)(link)
        raise Refused

    return work


def names(stores: Stores) -> set[object]:
    """The names of the stored scopes."""
    return {row["name"] for row in stores.rows("scope")}


def names_of(link: DriverConnection) -> int:
    """The number of scopes that the transaction sees."""
    return len(link.all(_ALL, {}))


def test_waiting_writes_share_a_transaction(stores: Stores) -> None:
    """Writes that queued during another write are one transaction, and each gets its own result."""
    crowd = Crowd(stores, GroupCommit())
    assert [each.result() for each in crowd.work(*map(scope, "abcd"))] == list("abcd")
    assert crowd.sizes == [1, 4]
    assert names(stores) == set("abcd")


def test_write_that_arrives_while_the_writer_yields_is_stored_with_it(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer yields once, and then writes both."""
    commits, sizes = GroupCommit(), list[int]()
    commits.wrote = sizes.append

    def run(name: str) -> str:
        with stores.site.app.app_context():
            return commits.run(scope(name))

    with ThreadPoolExecutor(1) as pool:
        others: list[Future[str]] = []

        def let_another_run() -> None:
            assert not cast("DatabasePool", stores.engine.pool).write_lock.locked()
            others.append(pool.submit(run, "second"))
            while len(commits) < 2:
                assert not others[0].done()

        monkeypatch.setattr("models.sqlite.group_commit.sched_yield", let_another_run)
        assert (run("first"), others[0].result()) == ("first", "second")
    assert sizes == [2]


def test_failing_write_does_not_undo_the_others(stores: Stores) -> None:
    """A write that raises is not stored; the others of its batch are."""
    crowd = Crowd(stores, GroupCommit())
    first, second, third = crowd.work(scope("a"), refused("b"), scope("c"))
    with pytest.raises(Refused):
        second.result()
    assert (first.result(), third.result()) == ("a", "c")
    assert names(stores) == {"a", "c"}


def test_failed_commit_fails_every_write(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread gets a success for a write that is not stored."""
    crowd = Crowd(stores, GroupCommit())
    commit = DriverConnection.commit

    def fail_together(link: DriverConnection) -> None:
        if names_of(link):
            raise sqlite3.OperationalError("disk I/O error")
        commit(link)

    monkeypatch.setattr(DriverConnection, "commit", fail_together)
    for each in crowd.work(scope("a"), scope("b")):
        with pytest.raises(StoreUnavailable, match="disk I/O error"):
            each.result()
    assert names(stores) == set()


def test_write_that_waits_too_long_stores_nothing(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that does not get the right to write in time removes its write and raises StoreUnavailable."""
    monkeypatch.setattr("models.sqlite.group_commit.WAIT_SECONDS", 0.01)
    commits = GroupCommit()

    def ask() -> str:
        with stores.site.app.app_context():
            return commits.run(scope("late"))

    def hold_up(_: DriverConnection) -> None:
        with ThreadPoolExecutor(1) as pool:
            late = pool.submit(ask)
            with pytest.raises(StoreUnavailable):
                late.result()

    commits.run(hold_up)
    assert len(commits) == 0
    assert names(stores) == set()


def test_queue_waits_for_the_lock_of_another_process(
    stores: Stores, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue writes as soon as the other writer has ended, after pauses of at most a millisecond."""
    pauses: list[float] = []
    with place.held():
        monkeypatch.setattr("models.database.driver.time.sleep", pauses.append)
        monkeypatch.setattr(DatabasePool, "timeout", lambda _: 0.02)
        with pytest.raises(StoreUnavailable, match="locked"):
            GroupCommit().run(scope("too soon"))
    assert 0.02 < sum(pauses) < 0.03
    assert max(pauses) <= 0.001
    monkeypatch.undo()
    assert GroupCommit().run(scope("in time")) == "in time"
    assert names(stores) == {"in time"}


def test_connection_gets_its_busy_timeout_back(stores: Stores) -> None:
    """The next user of the connection waits for a lock for the usual time."""
    GroupCommit().run(scope("a"))
    with connection() as link:
        assert link.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 3000


def test_interrupted_writer_leaves_no_thread_waiting(stores: Stores) -> None:
    """After an interruption no thread waits, and the queue works as before."""
    commits = GroupCommit()

    def stop(_: DriverConnection) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        commits.run(stop)
    assert commits.run(scope("after")) == "after"


def test_queued_and_direct_writes_all_succeed(stores: Stores) -> None:
    """Queued and direct writers wait for the same lock, and all succeed."""
    commits = GroupCommit()

    def write(number: int) -> None:
        with stores.site.app.app_context():
            for step in range(20):
                piece = scope(f"{number}-{step}")
                if number % 2:
                    commits.run(piece)
                    continue
                with DriverConnection() as link:
                    piece(link)
                    link.commit()

    with ThreadPoolExecutor(8) as pool:
        for each in [pool.submit(write, number) for number in range(8)]:
            each.result()
    assert len(names(stores)) == 160


def test_write_without_an_outcome_is_unavailable(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that no thread performed raises StoreUnavailable."""
    commits = GroupCommit()
    monkeypatch.setattr(commits, "_write", lambda _: None)
    with pytest.raises(StoreUnavailable, match="no thread"):
        commits.run(scope("lost"))
