"""The stores on SQLite: the rules of every database, and how we set SQLite up."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any, cast

import pytest
from sqlalchemy import text

from login.ports import AttemptKey, Outcome
from models import FailureStore, StoreUnavailable, db
from models.database.pool import DatabasePool
from tests.conftest import Clock, Site
from tests.models.conformance import StoreConformance
from tests.models.stores import Place, Stores
from tests.models.unavailability_rules import UNKNOWN


def place_of(file: Path) -> Place:
    """The database in a file."""

    def dump() -> str:
        with closing(sqlite3.connect(file)) as connection:
            readable = "\n".join(connection.iterdump())
        # The log that runs ahead and every page that is free count as well.
        raw = b"".join(each.read_bytes() for each in sorted(file.parent.glob(f"{file.name}*")))
        return readable + raw.decode("latin-1") + raw.hex()

    @contextmanager
    def held() -> Iterator[None]:
        with closing(sqlite3.connect(file)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield

    @contextmanager
    def away() -> Iterator[None]:
        elsewhere = file.parent / "elsewhere"
        elsewhere.mkdir()
        # An open connection would go on with the file wherever it is.
        db.engine.dispose()
        for each in list(file.parent.glob(f"{file.name}*")):
            each.rename(elsewhere / each.name)
        file.mkdir()
        yield
        file.rmdir()
        for each in list(elsewhere.iterdir()):
            each.rename(file.parent / each.name)

    def hurry(connection: Any) -> None:
        connection.execute("PRAGMA busy_timeout=20")

    return Place(f"sqlite:///{file}", dump, held, away, hurry)


def turn_of(stores: Stores) -> Lock:
    """What whoever writes holds."""
    pool = stores.engine.pool
    assert isinstance(pool, DatabasePool)
    return pool.write_lock


@pytest.fixture
def place(tmp_path: Path, migrated_instance: Path) -> Place:
    """A migrated, empty database."""
    (tmp_path / "database").mkdir()
    file = tmp_path / "database" / "migrated.sqlite3"
    shutil.copyfile(migrated_instance / "netid.sqlite3", file)
    return place_of(file)


@pytest.fixture
def bare_place(tmp_path: Path) -> Place:
    """A database without a table."""
    return place_of(tmp_path / "bare.sqlite3")


class BusyConnection:
    """A connection whose next statements meet the lock of another process."""

    def __init__(self, real: Any, *, times: int) -> None:
        self.real = real
        self.times = times

    def execute(self, text: str, parameters: Any = ()) -> Any:
        """Run a statement, unless the lock is still held."""
        if self.times:
            self.times -= 1
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error
        return self.real.execute(text, parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class TestSqlite(StoreConformance):
    """SQLite keeps the rules of every database."""


def test_pragmas(stores: Stores) -> None:
    """Each connection survives a power cut, keeps foreign keys, reads beside a writer and waits for 3 s."""
    with stores.engine.connect() as connection:
        names = ("synchronous", "foreign_keys", "journal_mode", "busy_timeout")
        found = [connection.scalar(text(f"PRAGMA {name}")) for name in names]
    assert found == [2, 1, "wal", 3000]


def test_durability_is_a_setting(make_site: Callable[..., Site]) -> None:
    """Who asks for NORMAL gets it."""
    site = make_site(NETID_SQLITE_SYNCHRONOUS="NORMAL")
    with site.app.app_context(), Stores(site, site.clock).engine.connect() as connection:
        assert connection.scalar(text("PRAGMA synchronous")) == 1


def test_tables_of_tokens_are_their_own_index(stores: Stores) -> None:
    """Tables that are found by key alone are stored by it, and not beside an index."""
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%WITHOUT ROWID%'"
    with stores.engine.connect() as connection:
        assert set(connection.scalars(text(query))) == {"grant", "access_token", "refresh_token"}


def test_reads_go_on_beside_a_writer(hurried: Stores, place: Place) -> None:
    """While another program writes, tokens are still checked."""
    issued = hurried.issue()
    with place.held():
        assert hurried.lives(issued)


def test_writers_of_a_process_take_turns(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer waits for the others of its process, no longer than for the database; readers do not."""
    issued = stores.issue()
    turn = turn_of(stores)
    monkeypatch.setattr(DatabasePool, "timeout", lambda _: 0.01)
    with turn:
        assert stores.lives(issued)
        with pytest.raises(StoreUnavailable, match="other writers"):
            stores.issue()
        with pytest.raises(StoreUnavailable, match="other writers"):
            FailureStore().record(
                stores.now, AttemptKey(b"n" * 16, "anyone", "192.0.2.1"), Outcome("wrong_password")
            )
    stores.issue()
    assert not turn.locked()


def test_busy_timeout_is_set_once_a_connection(stores: Stores) -> None:
    """The first write of a connection sets it, and no later one; nor do checks of tokens."""
    stores.engine.dispose()
    issued = stores.issue()
    seen: list[str] = []
    pool = cast("DatabasePool", stores.engine.pool)
    entry = pool.take()
    cast("sqlite3.Connection", entry.dbapi_connection).set_trace_callback(seen.append)
    pool.give(entry)
    stores.rotate(issued.refresh, stores.found(issued.refresh))
    assert stores.lives(issued)
    assert any(text.startswith("INSERT") for text in seen)
    assert not [text for text in seen if "PRAGMA" in text]


def test_check_waits_for_a_short_lock(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read that meets a lock, as after a crash of another process, is tried again until its time ends."""
    issued = stores.issue()
    pool = cast("DatabasePool", stores.engine.pool)
    entry = pool.take()
    busy = BusyConnection(entry.dbapi_connection, times=3)
    cast("Any", entry).dbapi_connection = busy
    pool.give(entry)
    assert stores.lives(issued)
    assert busy.times == 0
    busy.times = 10**9
    monkeypatch.setattr(DatabasePool, "timeout", lambda _: 0.01)
    with pytest.raises(StoreUnavailable, match="locked"):
        stores.lives(issued)


def test_turn_is_given_back_after_trouble(hurried: Stores, place: Place) -> None:
    """Whatever becomes of a writer, the next one has its turn."""
    with place.held(), pytest.raises(StoreUnavailable, match="locked"):
        hurried.issue()
    assert not turn_of(hurried).locked()


def test_both_waits_are_no_longer_than_one(
    stores: Stores, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waited for their turn waits for other programs for what is left; the next one has all again."""
    monkeypatch.setattr(DatabasePool, "acquire_write_lock", lambda pool: pool.write_lock.acquire() and 2.99)
    began = monotonic()
    with place.held(), pytest.raises(StoreUnavailable, match="locked"):
        stores.rotate(b"\0" * 38, UNKNOWN)
    assert monotonic() - began < 1
    with stores.engine.connect() as connection:
        assert connection.scalar(text("PRAGMA busy_timeout")) == 3000


def test_fresh_connection_to_a_locked_file(hurried: Stores, place: Place, tmp_path: Path) -> None:
    """A file that is locked as a whole is trouble of the database, even before the first statement."""
    hurried.engine.dispose()
    with closing(sqlite3.connect(tmp_path / "database" / "migrated.sqlite3")) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        other.execute("DELETE FROM client")
        with pytest.raises(StoreUnavailable, match="locked"):
            hurried.clients.list()


def test_read_only_file(place: Place, make_site: Callable[..., Site], clock: Clock) -> None:
    """A file that may be read and not written is trouble of the database."""
    file = place.url.removeprefix("sqlite:///")
    site = make_site(NETID_DATABASE_URL=f"sqlite:///file:{file}?mode=ro&uri=true")
    with site.app.app_context():
        stores = Stores(site, clock)
        assert not stores.clients.list()
        with pytest.raises(StoreUnavailable, match="readonly"):
            stores.issue()


def test_file_that_is_no_database(stores: Stores, tmp_path: Path) -> None:
    """A file with something else in it is trouble of the database."""
    stores.engine.dispose()
    for each in (tmp_path / "database").iterdir():
        each.unlink()
    (tmp_path / "database" / "migrated.sqlite3").write_bytes(b"not a database " * 1000)
    with pytest.raises(StoreUnavailable, match="not a database"):
        stores.clients.list()


def test_migration_gives_its_guards_back(stores: Stores) -> None:
    """After a migration in the same process, foreign keys are kept as before."""
    stores.site.run("db", "upgrade")
    with stores.engine.connect() as connection:
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
