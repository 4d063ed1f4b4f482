"""A statement of the hot path: SQLAlchemy builds and compiles it once, with converters for its values.

Owns: that SQLAlchemy's own types convert parameters and results. Must not know: connections.
"""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Generic, TypeVar, overload

from sqlalchemy import Dialect, Executable, LargeBinary
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.selectable import ReturnsRows
from sqlalchemy.types import TypeEngine

_Row = TypeVar("_Row")
_Process = Callable[[Any], Any]
_Values = Mapping[str, Any]


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
