"""The `db` object, the declarative base, and the one exception that storage trouble becomes."""

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

# Seconds that one wait for the database may take; then the answer is 503. The directory's deadline is longer.
WAIT_SECONDS = 3
_SQLITE_STOPS = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN}
# Connection exceptions, too few resources, and an operator who stops the server (PostgreSQL, appendix A).
_POSTGRESQL_STOPS = ("08", "53", "57P")


class Base(DeclarativeBase):
    """The declarative base of every table. Constraints have names, so that migrations can speak of them."""

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

    `stops_all` says that the database as a whole is away, silent or locked, so that no token can be issued
    either. Otherwise only the table, or the row, that was asked for may be in trouble.
    """

    def __init__(self, cause: str, *, stops_all: bool = False) -> None:
        super().__init__(cause)
        self.cause = cause
        self.stops_all = stops_all


@contextmanager
def session() -> Iterator[Session]:
    """A session for one piece of work: left with its connection given back, whatever happened.

    Nothing is committed unless the caller commits. A connection is never kept while a directory is asked.

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
    """A plain connection: what is not committed is undone, and it is given back.

    Args:
        patience: seconds to wait for a lock that somebody else holds; less where the request has less left.

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
    """Wait for no lock longer than this until the block ends."""
    if link.dialect.name != "sqlite":
        # Until the transaction ends.
        link.exec_driver_sql(f"SET LOCAL lock_timeout = {milliseconds}")
        yield
        return
    link.exec_driver_sql(f"PRAGMA busy_timeout={milliseconds}")
    try:
        yield
    finally:
        # A connection that was invalidated meanwhile does not go back to the pool.
        if not link.invalidated:
            link.exec_driver_sql(f"PRAGMA busy_timeout={WAIT_SECONDS * 1000}")


def table(row: type[Base]) -> Table:
    """The table of a mapped class, for statements that need no mapper."""
    return cast("Table", row.__table__)


def unavailable(error: SQLAlchemyError) -> StoreUnavailable:
    """What an error of SQLAlchemy reads like.

    Args:
        error: as it was caught.
    """
    # The first line alone: PostgreSQL adds a line of detail that shows the row.
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
    # Trouble that the server did not tell of is that of the connection to it.
    return origin is not None and (state is None or state.startswith(_POSTGRESQL_STOPS))


def rows_changed(result: Result[Any]) -> int:
    """How many rows an UPDATE or DELETE touched: the only proof that a conditional one happened."""
    if not isinstance(result, CursorResult):
        raise TypeError("not the result of an UPDATE or DELETE")
    return result.rowcount
