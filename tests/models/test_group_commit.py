"""Small writes of one process to SQLite are stored together, and each of them whole or not at all."""

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
    """A piece of work that is not to be stored."""


class Crowd:
    """Threads with work for one queue: the first holds it up until all others wait."""

    def __init__(self, stores: Stores, commits: GroupCommit) -> None:
        self._app = stores.site.app
        self._commits = commits
        self._is_writing, self._may_end = Event(), Event()
        self.sizes: list[int] = []
        commits.wrote = self.sizes.append

    def work(self, *pieces: Callable[[DriverConnection], object]) -> list[Future[object]]:
        """Do the first piece, then all the others, which have waited for it."""
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
    """Work that stores a scope, and gives back its name."""

    def work(link: DriverConnection) -> str:
        assert link.run(_INSERT, {"name": name, "description": "", "needs": []}) == 1
        return name

    return work


def refused(name: str) -> Callable[[DriverConnection], None]:
    """Work that stores a scope, and thinks better of it."""

    def work(link: DriverConnection) -> None:
        scope(name)(link)
        raise Refused

    return work


def names(stores: Stores) -> set[object]:
    """The scopes that are stored."""
    return {row["name"] for row in stores.rows("scope")}


def names_of(link: DriverConnection) -> int:
    """How many scopes the transaction sees."""
    return len(link.all(_ALL, {}))


def test_who_waits_is_stored_together(stores: Stores) -> None:
    """What came while another was being written is one transaction, and each is told its own outcome."""
    crowd = Crowd(stores, GroupCommit())
    assert [each.result() for each in crowd.work(*map(scope, "abcd"))] == list("abcd")
    assert crowd.sizes == [1, 4]
    assert names(stores) == set("abcd")


def test_who_comes_while_the_writer_lets_others_run_is_stored_with_it(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer waits for what is nearly there, and then writes both at once."""
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


def test_one_that_is_refused_takes_none_with_it(stores: Stores) -> None:
    """A piece that raises is not stored, and whatever it was written with is."""
    crowd = Crowd(stores, GroupCommit())
    first, second, third = crowd.work(scope("a"), refused("b"), scope("c"))
    with pytest.raises(Refused):
        second.result()
    assert (first.result(), third.result()) == ("a", "c")
    assert names(stores) == {"a", "c"}


def test_a_commit_that_fails_fails_for_all(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is told that a piece is stored which is not."""
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


def test_who_waits_too_long_stores_nothing(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread whose turn does not come takes its work back, and says that it cannot say."""
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


def test_a_lock_of_another_process_is_waited_for(
    stores: Stores, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue writes as soon as the other writer has ended, after pauses of no more than a millisecond."""
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


def test_connection_waits_as_before(stores: Stores) -> None:
    """Whoever has the connection next waits for a lock as long as everybody does."""
    GroupCommit().run(scope("a"))
    with connection() as link:
        assert link.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 3000


def test_interrupted_writer(stores: Stores) -> None:
    """A writer that is stopped in the middle leaves nobody waiting, and the queue as it was."""
    commits = GroupCommit()

    def stop(_: DriverConnection) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        commits.run(stop)
    assert commits.run(scope("after")) == "after"


def test_both_ways_to_write_at_once(stores: Stores) -> None:
    """Those who queue and those who write by themselves wait in one order, and all come through."""
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


def test_what_nobody_wrote_is_not_taken_for_stored(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever becomes of the queue, an answer without an outcome is that nobody can say."""
    commits = GroupCommit()
    monkeypatch.setattr(commits, "_write", lambda _: None)
    with pytest.raises(StoreUnavailable, match="nobody"):
        commits.run(scope("lost"))
