"""How commands speak: one sentence on an error, a table or JSON on success.

Owns: that no value moves a cursor, hides or turns a line around, or begins a line of its own. Values
come from directories, servers' messages, the database and arguments. No other module of `cli` prints.
"""

import io
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from typing import ParamSpec, TypeVar

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from admin import OperationRefused
from models import StoreUnavailable

_P = ParamSpec("_P")
_R = TypeVar("_R")

# Of characters: more than any row has, so that a line stays a line for the programs that read it.
_NO_WIDTH = 100_000

# Letters and marks by their category, which leave a gap or nothing: joiners, fillers, variation selectors.
_UNSEEN = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
    + "".join(map(chr, [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]))
)

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class Refused(click.ClickException):
    """A command that ends with exit status 1 and a sentence on standard error, or several, a line each."""

    def __init__(self, *sentences: str) -> None:
        super().__init__("\n".join(map(shown, sentences)))


class Misused(click.UsageError):
    """A command whose options do not go together."""

    def __init__(self, sentence: str) -> None:
        super().__init__(shown(sentence))


def speaks_plainly(command: Callable[_P, _R]) -> Callable[_P, _R]:
    """Turn a refused operation, and trouble of the database, into sentences and exit status 1."""

    @wraps(command)
    def plain(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return command(*args, **kwargs)
        except OperationRefused as refused:
            raise Refused(*refused.sentences) from None
        except StoreUnavailable as error:
            raise Refused(
                f"The database cannot be used ({error.cause.splitlines()[0]}). "
                "Is it migrated? .venv/bin/flask db upgrade"
            ) from None

    return plain


def print_line(text: str, *, err: bool = False) -> None:
    """Print one line, whatever stands in it.

    Args:
        text: the line.
        err: whether it goes to standard error.
    """
    click.echo(shown(text), err=err)


def print_lines(text: str) -> None:
    """Print a text of several lines, whose values hold no line break."""
    for line in text.split("\n"):
        print_line(line)


def print_marked(mark: str, colour: str, text: str) -> None:
    """Print one line with a coloured word in front.

    Args:
        mark: the word.
        colour: its colour, by click's name.
        text: the rest of the line.
    """
    click.echo(f"{click.style(shown(mark), fg=colour)} {shown(text)}")


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Show on a terminal how far a long command is, in a line that changes; nowhere else.

    Yields:
        What is told the line.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    # Other commands start without it.
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True, emoji=False), transient=True) as shown_live:
        task = shown_live.add_task("", total=None)
        yield lambda text: shown_live.update(task, description=shown(text))


def confirm(question: str) -> None:
    """Ask on standard error whether to go on; ends the command if not.

    Args:
        question: one line.

    Raises:
        click.Abort: the answer is no.
    """
    click.confirm(shown(question), abort=True, err=True)


def ask_hidden(question: str) -> str:
    """Ask on standard error for what must not be seen.

    Args:
        question: one line.

    Returns:
        The answer.
    """
    return str(click.prompt(shown(question), hide_input=True, err=True))


def print_json(value: object) -> None:
    """Print `value` as JSON of ASCII alone, indented for people where a person looks."""
    click.echo(json.dumps(value, indent=2 if sys.stdout.isatty() else None, ensure_ascii=True))


def print_record(record: Mapping[str, object]) -> None:
    """Print names and values, a line each; what is empty is left out."""
    width = max(map(len, record), default=0)
    for name, value in record.items():
        if value not in (None, "", [], {}):
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            print_line(f"{name:<{width}}  {text}")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as text, as wide as the terminal; what is wider is folded, never cut: people copy from it."""
    drawn = Table(box=None, pad_edge=False)
    for column in columns:
        drawn.add_column(Text(column), overflow="fold")
    for row in rows:
        # As `Text`, no cell is searched for rich's markup or for names of emoji.
        drawn.add_row(*(Text(shown(cell)) for cell in row))
    width = None if sys.stdout.isatty() else _NO_WIDTH
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False, emoji=False)
    with console.capture() as capture:
        console.print(drawn)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table."""
    click.echo(table(columns, rows))


def shown(text: str) -> str:
    """`text` with an escape in the place of each character that a terminal obeys or does not show.

    These are control characters (C0, C1), line and paragraph separators, format characters (which turn text
    around, or have no width), surrogates, unassigned characters, and spaces other than the usual one.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(each if each.isprintable() and each not in _UNSEEN else ascii(each)[1:-1] for each in text)


def moment(at: int | None) -> str:
    """A time for people: `at` (seconds since the epoch) in UTC, empty for none."""
    return "" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
