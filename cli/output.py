"""How commands speak: one sentence on an error, a table or JSON on success."""

import io
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import wraps
from typing import ParamSpec, TypeVar

import click
from rich.console import Console
from rich.table import Table

from models import StoreUnavailable

_P = ParamSpec("_P")
_R = TypeVar("_R")

# Of characters: more than any row has, so that a line stays a line for the programs that read it.
_NO_WIDTH = 100_000

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def speaks_plainly(command: Callable[_P, _R]) -> Callable[_P, _R]:
    """Turn trouble of the database into one sentence and exit status 1."""

    @wraps(command)
    def plain(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return command(*args, **kwargs)
        except StoreUnavailable as error:
            raise click.ClickException(
                f"The database cannot be used ({error.cause.splitlines()[0]}). "
                "Is it migrated? .venv/bin/flask db upgrade"
            ) from None

    return plain


def print_json(value: object) -> None:
    """Print `value` as JSON, indented for people where a person looks."""
    click.echo(json.dumps(value, indent=2 if sys.stdout.isatty() else None))


def print_record(record: Mapping[str, object]) -> None:
    """Print names and values, a line each; what is empty is left out."""
    width = max(map(len, record), default=0)
    for name, value in record.items():
        if value not in (None, "", [], {}):
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            click.echo(f"{name:<{width}}  {text}")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as text, as wide as the terminal; what is wider is folded, never cut: people copy from it."""
    drawn = Table(box=None, pad_edge=False)
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        drawn.add_row(*row)
    width = None if sys.stdout.isatty() else _NO_WIDTH
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False)
    with console.capture() as capture:
        console.print(drawn)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table."""
    click.echo(table(columns, rows))


def shown(text: str) -> str:
    """`text` without what moves a terminal's cursor or turns a line around: escaped."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def moment(at: int | None) -> str:
    """A time for people: `at` (seconds since the epoch) in UTC, empty for none."""
    return "" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
