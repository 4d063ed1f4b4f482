"""The stores on SQLite: the rules of every database, and our setup of SQLite."""

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


def write_lock_of(stores: Stores) -> Lock:
    """The lock that a writer holds."""
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
    """A database without tables."""
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


def test_connections_have_our_pragmas(stores: Stores) -> None:
    """Each connection survives a power cut, checks foreign keys, reads beside a writer and waits for 3 s."""
    with stores.engine.connect() as connection:
        names = ("synchronous", "foreign_keys", "journal_mode", "busy_timeout")
        found = [connection.scalar(text(f"PRAGMA {name}")) for name in names]
    assert found == [2, 1, "wal", 3000]


def test_durability_is_a_setting(make_site: Callable[..., Site]) -> None:
    """The setting NORMAL reaches each connection."""
    site = make_site(NETID_SQLITE_SYNCHRONOUS="NORMAL")
    with site.app.app_context(), Stores(site, site.clock).engine.connect() as connection:
        assert connection.scalar(text("PRAGMA synchronous")) == 1


def test_tables_of_tokens_are_their_own_index(stores: Stores) -> None:
    """Tables with look-ups by key only are stored without a separate index."""
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%WITHOUT ROWID%'"
    with stores.engine.connect() as connection:
        assert set(connection.scalars(text(query))) == {"grant", "access_token", "refresh_token"}


def test_tokens_are_checked_while_another_program_writes(hurried: Stores, place: Place) -> None:
    """Readers do not wait for a writer."""
    issued = hurried.issue()
    with place.held():
        assert hurried.lives(issued)


def test_writers_of_a_process_take_turns(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer waits for the others of its process, no longer than for the database. Readers do not."""
    issued = stores.issue()
    turn = write_lock_of(stores)
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
    """The first write of a connection sets it; later writes and checks of tokens do not."""
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
    """A read that meets a lock, as after a crash of another process, is retried until its timeout."""
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


def test_write_lock_is_released_after_an_error(hurried: Stores, place: Place) -> None:
    """After any error of a writer, the next writer gets the lock."""
    with place.held(), pytest.raises(StoreUnavailable, match="locked"):
        hurried.issue()
    assert not write_lock_of(hurried).locked()


def test_wait_for_other_processes_is_what_the_write_lock_left(
    stores: Stores, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both waits together take one timeout; the next writer has the full timeout again."""
    monkeypatch.setattr(DatabasePool, "acquire_write_lock", lambda pool: pool.write_lock.acquire() and 2.99)
    began = monotonic()
    with place.held(), pytest.raises(StoreUnavailable, match="locked"):
        stores.rotate(b"\0" * 38, UNKNOWN)
    assert monotonic() - began < 1
    with stores.engine.connect() as connection:
        assert connection.scalar(text("PRAGMA busy_timeout")) == 3000


def test_locked_file_is_unavailable_before_the_first_statement(
    hurried: Stores, place: Place, tmp_path: Path
) -> None:
    """A file that is locked as a whole raises StoreUnavailable even before the first statement."""
    hurried.engine.dispose()
    with closing(sqlite3.connect(tmp_path / "database" / "migrated.sqlite3")) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        other.execute("DELETE FROM client")
        with pytest.raises(StoreUnavailable, match="locked"):
            hurried.clients.list()


def test_read_only_file_is_unavailable(place: Place, make_site: Callable[..., Site], clock: Clock) -> None:
    """A file that can be read but not written raises StoreUnavailable."""
    file = place.url.removeprefix("sqlite:///")
    site = make_site(NETID_DATABASE_URL=f"sqlite:///file:{file}?mode=ro&uri=true")
    with site.app.app_context():
        stores = Stores(site, clock)
        assert not stores.clients.list()
        with pytest.raises(StoreUnavailable, match="readonly"):
            stores.issue()


def test_file_that_is_no_database_is_unavailable(stores: Stores, tmp_path: Path) -> None:
    """A file with other content raises StoreUnavailable."""
    stores.engine.dispose()
    for each in (tmp_path / "database").iterdir():
        each.unlink()
    (tmp_path / "database" / "migrated.sqlite3").write_bytes(b"not a database " * 1000)
    with pytest.raises(StoreUnavailable, match="not a database"):
        stores.clients.list()


def test_foreign_keys_are_checked_after_a_migration(stores: Stores) -> None:
    """After a migration in the same process, foreign keys are checked as before."""
    stores.site.run("db", "upgrade")
    with stores.engine.connect() as connection:
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
