"""The `db` object, the declarative base, and the one exception that storage trouble becomes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, CursorResult, MetaData, Result, Table
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Session


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
    """The database could not read or write. `cause` is for the log; it holds no bound parameter."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


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
def connection() -> Iterator[Connection]:
    """A plain connection, for the hot path: what is not committed is undone, and it is given back.

    Raises:
        StoreUnavailable: for every error of the database or its driver.
    """
    try:
        with db.engine.connect() as link:
            yield link
    except SQLAlchemyError as error:
        raise unavailable(error) from None


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
    return StoreUnavailable(f"{type(error).__name__}: {cause}")


def rows_changed(result: Result[Any]) -> int:
    """How many rows an UPDATE or DELETE touched: the only proof that a conditional one happened."""
    if not isinstance(result, CursorResult):
        raise TypeError("not the result of an UPDATE or DELETE")
    return result.rowcount
