"""The `db` object, the declarative base, and the one exception for every storage error."""

import math
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, CursorResult, MetaData, Result, Table
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as TooLate
from sqlalchemy.orm import DeclarativeBase, Session

from core.request_deadline import bounded

# The most seconds that one wait for the database takes; then the answer is 503. The directory may take
# longer.
WAIT_SECONDS = 3
_SQLITE_STOPS = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN}
# Connection exceptions, insufficient resources, operator intervention (PostgreSQL, appendix A).
_POSTGRESQL_STOPS = ("08", "53", "57P")


class Base(DeclarativeBase):
    """The declarative base of every table. Constraints have names, so that migrations can refer to them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(metadata=Base.metadata)


class StoreUnavailable(Exception):
    """The database could not read or write. `cause` is for the log; it holds no bound parameter.

    `stops_all` means that the whole database is away, silent or locked, so that no token can be issued.
    Otherwise the trouble may be limited to one table or row.
    """

    def __init__(self, cause: str, *, stops_all: bool = False) -> None:
        super().__init__(cause)
        self.cause = cause
        self.stops_all = stops_all


@contextmanager
def session() -> Iterator[Session]:
    """A session for one unit of work. Its connection always returns to the pool.

    Nothing is committed unless the caller commits. Do not hold a session during a request to the directory.

    Raises:
        StoreUnavailable: for every error of the database or its driver.
    """
    work = db.session()
    try:
        yield work
    except SQLAlchemyError as error:
        raise unavailable(error) from None
    finally:
        db.session.remove()


@contextmanager
def connection(*, patience: float = WAIT_SECONDS) -> Iterator[Connection]:
    """A Core connection. It rolls back what the caller did not commit, and returns to the pool.

    Args:
        patience: seconds to wait for a lock; fewer if the request's deadline is nearer.

    Raises:
        StoreUnavailable: for every error of the database or its driver.
    """
    allowed = bounded(patience)
    try:
        with db.engine.connect() as link:
            if allowed < WAIT_SECONDS:
                with _hurried(link, math.ceil(allowed * 1000)):
                    yield link
            else:
                yield link
    except SQLAlchemyError as error:
        raise unavailable(error) from None


@contextmanager
def _hurried(link: Connection, milliseconds: int) -> Iterator[None]:
    """Bound the wait for locks to `milliseconds` until the block ends."""
    if link.dialect.name != "sqlite":
        # Until the transaction ends.
        link.exec_driver_sql(f"SET LOCAL lock_timeout = {milliseconds}")
        yield
        return
    link.exec_driver_sql(f"PRAGMA busy_timeout={milliseconds}")
    try:
        yield
    finally:
        # An invalidated connection does not return to the pool.
        if not link.invalidated:
            link.exec_driver_sql(f"PRAGMA busy_timeout={WAIT_SECONDS * 1000}")


def table(row: type[Base]) -> Table:
    """The table of a mapped class, for Core statements."""
    return cast("Table", row.__table__)


def unavailable(error: SQLAlchemyError) -> StoreUnavailable:
    """The `StoreUnavailable` for an error of SQLAlchemy.

    Args:
        error: the error.
    """
    # Only the first line: PostgreSQL adds a line of detail that shows the row.
    cause, _, _ = str(error).partition("\n")
    return StoreUnavailable(f"{type(error).__name__}: {cause}", stops_all=_stops_all(error))


def _stops_all(error: SQLAlchemyError) -> bool:
    if isinstance(error, TooLate):
        return True
    origin = error.orig if isinstance(error, OperationalError) else None
    if isinstance(origin, sqlite3.Error):
        # SQLite has one lock for everything.
        return getattr(origin, "sqlite_errorcode", 0) & 0xFF in _SQLITE_STOPS
    state: str | None = getattr(origin, "sqlstate", None)
    # An error without an SQLSTATE did not come from the server: the connection failed.
    return origin is not None and (state is None or state.startswith(_POSTGRESQL_STOPS))


def rows_changed(result: Result[Any]) -> int:
    """The number of rows that an UPDATE or DELETE changed: the only proof that a conditional one applied."""
    if not isinstance(result, CursorResult):
        raise TypeError("not the result of an UPDATE or DELETE")
    return result.rowcount
