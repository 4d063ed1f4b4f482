"""Engine options and connection setup: bounded waits, durability, no parameter in any error text."""

from collections.abc import Mapping
from typing import Any, Protocol, cast

from sqlalchemy import Engine, event, make_url
from sqlalchemy.pool import ConnectionPoolEntry

from models import database
from models.base import WAIT_SECONDS
from models.database.pool import WAITS_OURSELVES, DatabasePool
from telemetry import json_text

# A worker's thread checkpoints long before (`checkpoints.py`). At 128 MiB, the committing request does it.
_CHECKPOINT_PAGES = 32_000
# PostgreSQL's timeout comes first: a server that answers reports the lock, and the connection stays usable.
# Only a silent server meets our timeout.
_STATEMENT_BOUND = "2500ms"
# Short enough to try a second server within the same wait.
_CONNECT_SECONDS = 2


def engine_options(url: str, *, threads: int) -> Mapping[str, Any]:
    """Engine options for `url`: bounded waits everywhere, and no parameter in any error text.

    Args:
        url: the SQLAlchemy URL of the database.
        threads: the number of threads of this process that may need a connection at once.
    """
    options: dict[str, Any] = {
        "hide_parameters": True,
        "json_serializer": json_text,
        "poolclass": DatabasePool,
        "pool_size": threads,
        # The connection that was used last has the freshest cache.
        "pool_use_lifo": True,
        "max_overflow": 1,
        "pool_timeout": WAIT_SECONDS,
    }
    if make_url(url).get_backend_name() == "sqlite":
        options["connect_args"] = {"timeout": WAIT_SECONDS}
    else:
        options["connect_args"] = {
            "connect_timeout": _CONNECT_SECONDS,
            "tcp_user_timeout": WAIT_SECONDS * 1000,
            "options": f"-c statement_timeout={_STATEMENT_BOUND} -c lock_timeout={_STATEMENT_BOUND}",
        }
    return options


class Watch(Protocol):
    """The observer of the database's clock: `ServerClock`."""

    def opened(self, driver: Any) -> None:
        """Read the clock on a connection that was just opened."""
        ...

    def taken(self, driver: Any) -> None:
        """Read the clock if it is due, on a connection of PostgreSQL that was just checked out."""
        ...


def prepare_engine(engine: Engine, *, sqlite_synchronous: str, watch: Watch | None = None) -> None:
    """Set up each new connection: SQLite's log, durability and foreign keys; PostgreSQL's timeouts.

    Args:
        engine: the engine, before its first connection.
        sqlite_synchronous: `FULL` (survives a power cut) or `NORMAL` (survives a crash of the process).
        watch: observes the database's clock.
    """
    if engine.dialect.name != "sqlite":
        database.bound_waits(engine, WAIT_SECONDS, opened=watch.opened if watch else _look_nowhere)
        if watch is not None:
            cast("DatabasePool", engine.pool).taken = watch.taken
        return

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute(f"PRAGMA synchronous={sqlite_synchronous}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
        cursor.close()
        if watch is not None:
            watch.opened(connection)

    @event.listens_for(engine, "checkout")
    def wait_for_locks(connection: Any, entry: ConnectionPoolEntry, _proxy: object) -> None:
        """Let SQLite wait for locks again, if `DriverConnection` did so last."""
        if entry.info.pop(WAITS_OURSELVES, False):
            connection.execute(f"PRAGMA busy_timeout={WAIT_SECONDS * 1000}")


def _look_nowhere(_driver: Any) -> None:
    """Observe nothing."""
