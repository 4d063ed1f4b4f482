"""The hot path to the database: SQLAlchemy's pool, types and texts; the driver's own execution.

What SQLAlchemy does anew at each execution costs more than what SQLite does for the statement. So the few
statements of the hot path are compiled once for each kind of database, and run on the driver's connection.

Owns: that errors, lost connections and the log of statements are as on `base.connection`.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, cast

from sqlalchemy import Dialect, Executable, SelectBase
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.sql.compiler import SQLCompiler

from models.base import StoreUnavailable, db, unavailable
from models.pool import ShortPool

_LOG = logging.getLogger("sqlalchemy.engine.driver")

_Processor = Callable[[Any], Any] | None


class Statement:
    """A statement that is compiled once for each kind of database. Each of its parameters has a name."""

    def __init__(self, statement: Executable, columns: Sequence[str] | None = None) -> None:
        """Take the statement.

        Args:
            statement: a Core statement; an `IN` over a list is beyond it.
            columns: of an INSERT or UPDATE that names no values, those that are given.
        """
        self._statement = statement
        self._columns = columns
        self._compiled: dict[str, _Compiled] = {}

    def compiled(self, dialect: Dialect) -> "_Compiled":
        """The statement as the database of `dialect` takes it."""
        found = self._compiled.get(dialect.name)
        if found is None:
            found = self._compiled[dialect.name] = _Compiled(self._statement, self._columns, dialect)
        return found


class _Compiled:
    """The text of a statement, and how values get into it and out of its rows."""

    def __init__(self, statement: Executable, columns: Sequence[str] | None, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=columns)  # type: ignore[attr-defined]
        if not isinstance(compiled, SQLCompiler) or compiled.post_compile_params:
            raise TypeError("not a statement that can be compiled once")
        self.text = compiled.string
        binds = compiled.binds
        order = compiled.positiontup
        self._positional = order is not None
        self._into = [
            (name, binds[name].type.dialect_impl(dialect).bind_processor(dialect))
            for name in (binds if order is None else order)
        ]
        self._constants = {name: bind.value for name, bind in binds.items() if not bind.required}
        selected = statement.selected_columns if isinstance(statement, SelectBase) else ()
        self._names = [column.name for column in selected]
        out_of: list[tuple[int, _Processor]] = [
            (place, column.type.dialect_impl(dialect).result_processor(dialect, None))
            for place, column in enumerate(selected)
        ]
        self._out_of = [(place, process) for place, process in out_of if process is not None]

    def parameters(self, values: Mapping[str, Any]) -> Sequence[Any] | Mapping[str, Any]:
        """The values as the driver takes them."""
        if self._constants:
            values = {**self._constants, **values}
        if self._positional:
            return [process(values[name]) if process else values[name] for name, process in self._into]
        return {name: process(values[name]) if process else values[name] for name, process in self._into}

    def row(self, row: Sequence[Any]) -> dict[str, Any]:
        """A row by the names of its columns."""
        read = list(row)
        for place, process in self._out_of:
            read[place] = process(read[place])
        return dict(zip(self._names, read, strict=True))


class Link:
    """A connection of the pool for one piece of work, as a context: what is not committed is undone.

    Where nothing is to be committed together (`alone`), each statement stands for itself on PostgreSQL: there
    the ways that begin and end a transaction would take longer than the statement.
    """

    def __init__(self, *, alone: bool = False) -> None:
        self.alone = alone

    def __enter__(self) -> Self:
        """Take a connection.

        Raises:
            StoreUnavailable: there is none.
        """
        self._engine = db.engine
        self.dialect = self._engine.dialect
        # Whoever disposes of the engine gives it another pool.
        self._pool = cast("ShortPool", self._engine.pool)
        try:
            self._entry = self._pool.take()
        except self._errors() as error:
            raise self._unavailable(error) from None
        self._driver = cast("Any", self._entry.dbapi_connection)
        self.alone = self.alone and self.dialect.name == "postgresql"
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
            self._pool.give(self._entry)
        if error is not None and isinstance(error, self._errors()):
            raise self._unavailable(error) from None

    def run(self, statement: Statement, values: Mapping[str, Any]) -> int:
        """Run a statement that changes rows; gives back how many it changed."""
        changed: int = self._execute(statement.compiled(self.dialect), values).rowcount
        return changed

    def run_each(self, statement: Statement, each: Sequence[Mapping[str, Any]]) -> int:
        """Run a statement that changes rows once for each of the values; gives back how many it changed."""
        compiled = statement.compiled(self.dialect)
        _tell(compiled)
        cursor = self._driver.cursor()
        cursor.executemany(compiled.text, [compiled.parameters(values) for values in each])
        changed: int = cursor.rowcount
        return changed

    def first(self, statement: Statement, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """The first row of a SELECT by the names of its columns, or None."""
        compiled = statement.compiled(self.dialect)
        row = self._execute(compiled, values).fetchone()
        return None if row is None else compiled.row(row)

    def all(self, statement: Statement, values: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
        """Every row of a SELECT by the names of its columns."""
        compiled = statement.compiled(self.dialect)
        return [compiled.row(row) for row in self._execute(compiled, values)]

    def commit(self) -> None:
        """Commit what was run."""
        self._driver.commit()

    def _execute(self, compiled: _Compiled, values: Mapping[str, Any]) -> Any:
        _tell(compiled)
        return self._driver.execute(compiled.text, compiled.parameters(values))

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
        except self._errors():
            self._entry.invalidate()

    def _is_lost(self, error: BaseException) -> bool:
        """Whether the connection, or what state it is in, is lost with this error."""
        if not isinstance(error, Exception):
            return True
        if not isinstance(error, self.dialect.loaded_dbapi.Error) or not self.dialect.is_disconnect(
            error, self._driver, None
        ):
            return False
        # The others that wait in the pool went to the same server.
        self._engine.dispose()
        return True


def _tell(compiled: _Compiled) -> None:
    if _LOG.isEnabledFor(logging.INFO):
        _LOG.info(compiled.text)
