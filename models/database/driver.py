"""The hot path to the database: SQLAlchemy's pool, types and texts; the driver's own execution.

What SQLAlchemy does anew at each execution costs more than what SQLite does for the statement. So the few
statements of the hot path are compiled once (`statement.py`), and run on the driver's connection.

Owns: that errors, lost connections and the log of statements are as on `base.connection`.
"""

import logging
import sqlite3
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from core.request_deadline import bounded
from models.base import StoreUnavailable, db, unavailable
from models.database.pool import WAITS_OURSELVES, DatabasePool
from models.database.statement import Statement

__all__ = ["DriverConnection", "Statement"]

_Row = TypeVar("_Row")

# Seconds between two tries to be SQLite's writer: a commit takes a tenth of a millisecond, and a disk more.
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.000_05, 0.001
_BEGIN = "BEGIN IMMEDIATE"

_LOG = logging.getLogger("sqlalchemy.engine.driver")


class DriverConnection:
    """A connection of the pool for one piece of work, as a context: what is not committed is undone.

    Where nothing is to be committed together (`alone`), each statement stands for itself on PostgreSQL: there
    the ways that begin and end a transaction would take longer than the statement. On SQLite the first
    statement that changes rows waits until no other thread of the process writes.
    """

    def __init__(self, *, alone: bool = False, engine: Engine | None = None) -> None:
        """Take no connection yet.

        Args:
            alone: whether each statement is a transaction of its own, where the database gains by it.
            engine: the application's engine, if the caller has kept it; else it is looked up.
        """
        self.alone = alone
        self._engine = engine or db.engine

    def __enter__(self) -> Self:
        """Take a connection.

        Raises:
            StoreUnavailable: there is none.
        """
        self.dialect = self._engine.dialect
        # Whoever disposes of the engine gives it another pool.
        self._pool = cast("DatabasePool", self._engine.pool)
        try:
            self._entry = self._pool.take()
        except self._errors() as error:
            raise self._unavailable(error) from None
        self._driver = cast("Any", self._entry.dbapi_connection)
        self.alone = self.alone and self.dialect.name == "postgresql"
        self._has_turn = False
        if self.alone:
            self._begin_alone()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Give the connection back, or away where it is of no more use.

        Raises:
            StoreUnavailable: for every error of the driver.
        """
        try:
            if error is not None and self._is_lost(error):
                self._entry.invalidate()
            else:
                self._clear()
        finally:
            if self._has_turn:
                self._pool.turn.release()
            self._pool.give(self._entry)
        if error is not None and isinstance(error, self._errors()):
            raise self._unavailable(error) from None

    def run(self, statement: Statement[Any], values: Mapping[str, Any]) -> int:
        """Run a statement that changes rows; gives back how many it changed."""
        self.begin()
        compiled = statement.compiled(self.dialect)
        changed: int = self._execute(compiled.text, compiled.parameters(values)).rowcount
        return changed

    def run_each(self, statement: Statement[Any], each: Sequence[Mapping[str, Any]]) -> int:
        """Run a statement that changes rows once for each of the values; gives back how many it changed."""
        self.begin()
        compiled = statement.compiled(self.dialect)
        _tell(compiled.text)
        cursor = self._driver.cursor()
        cursor.executemany(compiled.text, [compiled.parameters(values) for values in each])
        changed: int = cursor.rowcount
        return changed

    def returned(self, statement: Statement[_Row], values: Mapping[str, Any]) -> list[_Row]:
        """Run a statement that changes rows; gives back what it returns of each."""
        self.begin()
        return self.all(statement, values)

    def first(self, statement: Statement[_Row], values: Mapping[str, Any]) -> _Row | None:
        """The first row of a SELECT, or None."""
        compiled = statement.compiled(self.dialect)
        row = self._execute(compiled.text, compiled.parameters(values)).fetchone()
        return None if row is None else compiled.row(row)

    def all(self, statement: Statement[_Row], values: Mapping[str, Any]) -> list[_Row]:
        """Every row of a SELECT."""
        compiled = statement.compiled(self.dialect)
        rows = self._execute(compiled.text, compiled.parameters(values)).fetchall()
        return [compiled.row(row) for row in rows]

    def begin(self) -> None:
        """Begin to write on SQLite, as soon as nobody else does: its own way to wait sleeps far too long.

        Raises:
            SQLAlchemyError: other threads of this process write for too long.
            sqlite3.OperationalError: other processes do, or nobody can.
        """
        if self._has_turn or self.dialect.name != "sqlite":
            return
        waited = self._pool.await_turn()
        self._has_turn = True
        if not self._entry.info.get(WAITS_OURSELVES):
            self._driver.execute("PRAGMA busy_timeout=0")
            self._entry.info[WAITS_OURSELVES] = True
        if self._succeeds(_BEGIN, (), is_last=False) is None:
            self._poll(_BEGIN, (), bounded(self._pool.timeout() - waited))

    def commit(self) -> None:
        """Commit what was run."""
        self._driver.commit()

    def _execute(self, text: str, parameters: Sequence[Any] | Mapping[str, Any]) -> Any:
        _tell(text)
        # In a transaction, or with SQLite's own wait, a second try would not help.
        if self._has_turn or self.dialect.name != "sqlite":
            return self._driver.execute(text, parameters)
        cursor = self._succeeds(text, parameters, is_last=False)
        return self._poll(text, parameters, bounded(self._pool.timeout())) if cursor is None else cursor

    def _succeeds(self, text: str, parameters: Sequence[Any] | Mapping[str, Any], *, is_last: bool) -> Any:
        """Run a statement of SQLite. None if another process holds the lock, unless it is the last try.

        Raises:
            sqlite3.OperationalError: every other error, and a lock at the last try.
        """
        try:
            return self._driver.execute(text, parameters)
        except sqlite3.OperationalError as error:
            if is_last or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
        return None

    def _poll(self, text: str, parameters: Sequence[Any] | Mapping[str, Any], patience: float) -> Any:
        """Run a statement of SQLite as soon as no other process holds the lock, within `patience` seconds.

        Raises:
            sqlite3.OperationalError: another process held the lock for all of it.
        """
        began, waited, pause = time.monotonic(), 0.0, _SHORTEST_PAUSE
        while True:
            # On a busy machine a pause takes longer than it should.
            is_last = max(waited, time.monotonic() - began) > patience
            if (cursor := self._succeeds(text, parameters, is_last=is_last)) is not None:
                return cursor
            time.sleep(pause)
            waited += pause
            pause = min(pause * 1.1, _LONGEST_PAUSE)

    def _errors(self) -> tuple[type[Exception], ...]:
        return SQLAlchemyError, self.dialect.loaded_dbapi.Error

    def _unavailable(self, error: Exception) -> StoreUnavailable:
        if isinstance(error, SQLAlchemyError):
            return unavailable(error)
        # As SQLAlchemy would say it: under the names of PEP 249, which all drivers share.
        base = self.dialect.loaded_dbapi.Error
        return unavailable(DBAPIError.instance(None, None, error, base, dialect=self.dialect))

    def _begin_alone(self) -> None:
        try:
            self._driver.autocommit = True
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise

    def _clear(self) -> None:
        """Undo what was not committed and make the connection what the pool's others are, or end it."""
        try:
            if self.alone:
                self._driver.autocommit = False
            else:
                self._driver.rollback()
        except BaseException as error:
            self._entry.invalidate()
            if not isinstance(error, self._errors()):
                raise

    def _is_lost(self, error: BaseException) -> bool:
        """Whether the connection, or what state it is in, is lost with this error."""
        if not isinstance(error, Exception):
            return True
        if not isinstance(error, self.dialect.loaded_dbapi.Error) or not self.dialect.is_disconnect(
            error, self._driver, None
        ):
            return False
        # The others that wait in the pool went to the same server; those of a newer pool did not.
        if self._engine.pool is self._pool:
            self._engine.dispose()
        return True


def _tell(text: str) -> None:
    if _LOG.isEnabledFor(logging.INFO):
        _LOG.info(text)
