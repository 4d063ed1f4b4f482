"""The hot path to the database: SQLAlchemy's pool, types and SQL; execution by the driver itself.

SQLAlchemy's work at each execution costs more than the statement costs SQLite. So the few statements of the
hot path are compiled once (`Statement`) and run on the driver's connection (`DriverConnection`). Figures:
decision 20.

Owns: that errors, lost connections and the log of statements behave as on `base.connection`, and that
SQLAlchemy's own types convert parameters and results.
"""

import logging
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, cast, overload

from sqlalchemy import Dialect, Engine, Executable, LargeBinary
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.selectable import ReturnsRows
from sqlalchemy.types import TypeEngine

from core.request_deadline import bounded
from models.base import StoreUnavailable, db, unavailable
from models.database.pool import WAITS_OURSELVES, DatabasePool

_Row = TypeVar("_Row")
_Process = Callable[[Any], Any]
_Values = Mapping[str, Any]

# Seconds between two tries for SQLite's lock: a commit takes 0.1 ms, or longer on a slow disk.
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.000_05, 0.001
_BEGIN = "BEGIN IMMEDIATE"

_LOG = logging.getLogger("sqlalchemy.engine.driver")


class Statement(Generic[_Row]):
    """A statement that is compiled once for each dialect. Every parameter has a name."""

    @overload
    def __init__(
        self: "Statement[dict[str, Any]]", statement: Executable, columns: Sequence[str] | None = None
    ) -> None: ...
    @overload
    def __init__(self, statement: Executable, *, row: type[_Row]) -> None: ...
    def __init__(
        self, statement: Executable, columns: Sequence[str] | None = None, row: type[Any] | None = None
    ) -> None:
        """Keep the statement; `compiled` compiles it.

        Args:
            statement: a Core statement without `IN` over a list.
            columns: the columns to set, for an INSERT or UPDATE without values.
            row: for a SELECT or RETURNING, a NamedTuple whose fields are its columns in order. Without it, a
                row is a dict.
        """
        self._statement = statement
        self._columns = columns
        self._row = row
        self._compiled: dict[str, Compiled[_Row]] = {}

    def compiled(self, dialect: Dialect) -> "Compiled[_Row]":
        """The statement compiled for `dialect`.

        Raises:
            TypeError: its SQL depends on its values, or its columns are not the fields of `row`.
        """
        found = self._compiled.get(dialect.name)
        if found is None:
            found = Compiled(self._statement, self._columns, self._row, dialect)
            self._compiled[dialect.name] = found
        return found


class DriverConnection:
    """A pooled connection for one unit of work, as a context. It rolls back what was not committed.

    With `alone`, PostgreSQL runs each statement in autocommit: the round trips of a transaction would take
    longer than the statement. On SQLite, the first statement that changes rows waits until no other thread of
    the process writes.
    """

    def __init__(self, *, alone: bool = False, engine: Engine | None = None) -> None:
        """Describe the connection; `__enter__` takes it from the pool.

        Args:
            alone: whether each statement may be a transaction of its own.
            engine: the application's engine, if the caller keeps it; else it is looked up.
        """
        self.alone = alone
        self.holds_write_lock = False
        """Whether this connection holds the write lock of its pool: on SQLite, from its first write on."""
        self._engine = engine or db.engine

    def __enter__(self) -> Self:
        """Take a connection from the pool.

        Raises:
            StoreUnavailable: none came in time, or a new one could not be opened.
        """
        self.dialect = self._engine.dialect
        # Disposing of the engine gives it another pool.
        self._pool = cast("DatabasePool", self._engine.pool)
        try:
            self._entry = self._pool.take()
        except self._errors() as error:
            raise self._unavailable(error) from None
        self._driver = cast("Any", self._entry.dbapi_connection)
        self.alone = self.alone and self.dialect.name == "postgresql"
        self.holds_write_lock = False
        if self.alone:
            self._begin_alone()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Return the connection to the pool, or invalidate it if it is lost.

        Raises:
            StoreUnavailable: for every error of the driver.
        """
        try:
            if error is not None and self._is_lost(error):
                self._entry.invalidate()
            else:
                self._clear()
        finally:
            if self.holds_write_lock:
                self._pool.write_lock.release()
            self._pool.give(self._entry)
        if error is not None and isinstance(error, self._errors()):
            raise self._unavailable(error) from None

    def run(self, statement: Statement[Any], values: Mapping[str, Any]) -> int:
        """Run a statement that changes rows, and return how many it changed."""
        self.begin()
        compiled = statement.compiled(self.dialect)
        changed: int = self._execute(compiled.text, compiled.parameters(values)).rowcount
        return changed

    def run_each(self, statement: Statement[Any], each: Sequence[Mapping[str, Any]]) -> int:
        """Run a statement that changes rows once for each of the values, and return how many it changed."""
        self.begin()
        compiled = statement.compiled(self.dialect)
        _log_statement(compiled.text)
        cursor = self._driver.cursor()
        cursor.executemany(compiled.text, [compiled.parameters(values) for values in each])
        changed: int = cursor.rowcount
        return changed

    def returned(self, statement: Statement[_Row], values: Mapping[str, Any]) -> list[_Row]:
        """Run a statement that changes rows, and return its RETURNING rows."""
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
        """Begin a write transaction on SQLite as soon as the lock is free. SQLite's own wait sleeps too long.

        Raises:
            SQLAlchemyError: other threads of this process wrote for too long.
            sqlite3.OperationalError: other processes did, or nobody can write.
        """
        if self.holds_write_lock or self.dialect.name != "sqlite":
            return
        waited = self._pool.acquire_write_lock()
        self.holds_write_lock = True
        if not self._entry.info.get(WAITS_OURSELVES):
            self._driver.execute("PRAGMA busy_timeout=0")
            self._entry.info[WAITS_OURSELVES] = True
        if self._succeeds(_BEGIN, (), is_last=False) is None:
            self._poll(_BEGIN, (), bounded(self._pool.timeout() - waited))

    def commit(self) -> None:
        """Commit the transaction."""
        self._driver.commit()

    def _execute(self, text: str, parameters: Sequence[Any] | Mapping[str, Any]) -> Any:
        _log_statement(text)
        # In a transaction, or with SQLite's own wait, a second try would not help.
        if self.holds_write_lock or self.dialect.name != "sqlite":
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
        # Wrapped as SQLAlchemy does it, in the exception names of PEP 249.
        base = self.dialect.loaded_dbapi.Error
        return unavailable(DBAPIError.instance(None, None, error, base, dialect=self.dialect))

    def _begin_alone(self) -> None:
        try:
            self._driver.autocommit = True
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise

    def _clear(self) -> None:
        """Roll back and restore the connection's mode for the pool; invalidate it if that fails."""
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
        """Whether this error means that the connection, or its state, is lost."""
        if not isinstance(error, Exception):
            return True
        if not isinstance(error, self.dialect.loaded_dbapi.Error) or not self.dialect.is_disconnect(
            error, self._driver, None
        ):
            return False
        # The pool's other connections went to the same server; those of a newer pool did not.
        if self._engine.pool is self._pool:
            self._engine.dispose()
        return True


def _log_statement(text: str) -> None:
    if _LOG.isEnabledFor(logging.INFO):
        _LOG.info(text)


class Compiled(Generic[_Row]):
    """The SQL of a statement, with the converters of its parameters and rows."""

    text: str
    parameters: Callable[[_Values], Sequence[Any] | _Values]
    """Converts values to the driver's parameters."""
    row: Callable[[Sequence[Any]], _Row]
    """Converts a row of the driver to the type that the caller reads."""

    def __init__(
        self, statement: Executable, columns: Sequence[str] | None, row: type[Any] | None, dialect: Dialect
    ) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=columns)  # type: ignore[attr-defined]
        if not isinstance(compiled, SQLCompiler) or compiled.post_compile_params:
            raise TypeError("not a statement that can be compiled once")
        self.text = compiled.string
        self.parameters = _binder(compiled, dialect)
        self.row = _reader(statement, row, dialect)


def _binder(compiled: SQLCompiler, dialect: Dialect) -> Callable[[_Values], Sequence[Any] | _Values]:
    """The function that converts values to the driver's parameters, with only the steps that are needed."""
    binds, order = compiled.binds, compiled.positiontup
    constants = {name: bind.value for name, bind in binds.items() if not bind.required}
    processes = {name: _processes(bind.type, dialect)[0] for name, bind in binds.items()}
    if order is None:
        return _by_name(constants, {name: process for name, process in processes.items() if process})
    placed = [(place, process) for place, name in enumerate(order) if (process := processes[name])]
    return _by_place(constants, order, placed)


def _by_name(constants: _Values, processes: Mapping[str, _Process]) -> Callable[[_Values], _Values]:
    def bind(values: _Values) -> _Values:
        bound = {**constants, **values}
        for name, process in processes.items():
            bound[name] = process(bound[name])
        return bound

    return bind if constants or processes else dict


def _by_place(
    constants: _Values, order: Sequence[str], processes: Sequence[tuple[int, _Process]]
) -> Callable[[_Values], Sequence[Any]]:
    # With a single name, itemgetter returns the value instead of a tuple.
    take = itemgetter(*order) if len(order) > 1 else lambda values: [values[name] for name in order]

    def bind(values: _Values) -> Sequence[Any]:
        bound = list(take({**constants, **values} if constants else values))
        for place, process in processes:
            bound[place] = process(bound[place])
        return bound

    return bind if constants or processes else take


def _reader(statement: Executable, row: type[Any] | None, dialect: Dialect) -> Callable[[Sequence[Any]], Any]:
    """The function that converts the driver's rows."""
    selected = statement.exported_columns if isinstance(statement, ReturnsRows) else ()
    names = tuple(column.name for column in selected)
    if row is not None and names != row._fields:
        raise TypeError(f"the columns are not the fields of {row.__name__}")
    made = row._make if row is not None else lambda read: dict(zip(names, read, strict=True))
    processes = [
        (place, process)
        for place, column in enumerate(selected)
        if (process := _processes(column.type, dialect)[1])
    ]

    def read(row: Sequence[Any]) -> Any:
        values = list(row)
        for place, process in processes:
            values[place] = process(values[place])
        return made(values)

    return read if processes else made


def _processes(kind: TypeEngine[Any], dialect: Dialect) -> tuple[_Process | None, _Process | None]:
    """The converters of a type for parameters and for results; None where none is needed."""
    if isinstance(kind, LargeBinary):
        # Both drivers take and return bytes.
        return None, None
    own = kind.dialect_impl(dialect)
    return own.bind_processor(dialect), own.result_processor(dialect, None)
