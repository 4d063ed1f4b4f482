"""How commands speak: one sentence on an error, a table or JSON on success.

Owns: every print, question and error of a command. Values come from directories, messages of servers, the
database and arguments. None of them moves a cursor, hides text, reverses a line or begins a line of its own.
No error repeats what may be a secret.
"""

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from io import StringIO
from itertools import zip_longest
from typing import ParamSpec, TypeVar

import click
from rich.cells import cell_len, set_cell_size

from admin import OperationRefused, UnclearSelection
from directory.ldap import ConfigError
from models import StoreUnavailable
from telemetry import redact_tokens

_P = ParamSpec("_P")
_R = TypeVar("_R")
_AnyCommand = TypeVar("_AnyCommand", bound=Callable[..., object])

MAX_LISTED_NAMES = 5
"""How many names one line or cell shows."""
_GAP = "  "
"""Stands between two columns of a table."""

# A spreadsheet reads a cell that begins so as a formula; some also read full-width signs (OWASP).
_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
# Printable characters that a terminal shows as a gap or not at all: joiners, fillers, variation selectors.
_INVISIBLE = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
    + "".join(map(chr, [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]))
)


def json_option(shape: str) -> Callable[[_AnyCommand], _AnyCommand]:
    """The option `--json` of a command. `docs/commands.md` takes the shape from its help.

    Args:
        shape: what is printed, such as `{"ended": number}`.
    """
    return click.option("--json", "as_json", is_flag=True, help=f"Print JSON: {shape}.")


def json_list_option(item: str, *, beside: str = "") -> Callable[[_AnyCommand], _AnyCommand]:
    """The option `--json` of a command that prints a list, in the form that `print_items` gives it.

    Args:
        item: what one item is, such as `{"client_id": text, "weak": true or false}`.
        beside: members beside the list, such as `"sub": text, `.
    """
    return json_option(f'{{{beside}"items": [{item}, ...], "more": true or false}}')


class CommandRefused(click.ClickException):
    """A command that ends with exit status 1, and with one line on standard error for each sentence."""

    def __init__(self, *sentences: str) -> None:
        super().__init__("\n".join(shown(redact_tokens(each)) for each in sentences))


class Misused(click.UsageError):
    """A command whose options contradict each other."""

    def __init__(self, sentence: str) -> None:
        super().__init__(shown(sentence))


class DiscreetCommand(click.Command):
    """A command whose usage errors do not repeat arguments: a secret may be typed in the wrong place.

    The message would reach the terminal's log or that of a CI job.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as click does, with errors of our own.

        Raises:
            click.UsageError: the arguments are not those of the command.
        """
        ctx.allow_extra_args = True
        try:
            extra = super().parse_args(ctx, args)
        except click.MissingParameter:
            raise
        except click.BadParameter as error:
            kind = error.param.type if isinstance(error.param, click.Argument) else None
            # The value of an option is shown, and so is the path of a file, unless it looks like a secret.
            message = redact_tokens(error.message)
            if kind is not None and not isinstance(kind, click.File):
                message = f"not a valid {kind.name}."
            elif error.param is not None and isinstance(error.param.type, click.DateTime):
                message = "not a date in UTC, such as 2027-06-30."  # where click shows formats of Python
            raise click.BadParameter(message, ctx, error.param, error.param_hint) from None
        if extra and not ctx.resilient_parsing:
            plural = "s" if len(extra) > 1 else ""
            ctx.fail(f"Got {len(extra)} unexpected extra argument{plural}.")
        return extra


class DiscreetGroup(click.Group):
    """A group of such commands. An unknown name of a command is not repeated either."""

    command_class = DiscreetCommand

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that `args` begins with.

        Raises:
            click.UsageError: there is none.
        """
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchOption:
            raise
        except click.UsageError:
            ctx.fail("There is no such command.")


def refuses_plainly(command: Callable[_P, _R]) -> Callable[_P, _R]:
    """Turn a refused operation, and trouble of settings or database, into sentences and exit status 1.

    An unclear selection is a wrong use of the command, with exit status 2.

    For a command that works without a database; others use `cli.schema.speaks_plainly`.
    """

    @wraps(command)
    def plain(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return command(*args, **kwargs)
        except UnclearSelection as refused:
            raise Misused(*refused.sentences) from None
        except OperationRefused as refused:
            raise CommandRefused(*refused.sentences) from None
        except ConfigError as error:
            raise CommandRefused(*error.problems) from None
        except StoreUnavailable as error:
            raise CommandRefused(
                f"The database cannot be used ({error.cause.splitlines()[0]}). "
                "Is it migrated? .venv/bin/flask db upgrade"
            ) from None

    return plain


def print_line(text: str, *, err: bool = False) -> None:
    """Print one line.

    Args:
        text: the line; a line break in it is escaped.
        err: whether to print on standard error.
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
    """Show the progress of a long command on a terminal, in a line that changes. Show nothing elsewhere.

    Yields:
        A function that takes the line.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    # Imported here, so that other commands start without them.
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True, emoji=False), transient=True) as display:
        task = display.add_task("", total=None)
        yield lambda text: display.update(task, description=shown(text))


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show on a terminal how much of a long command is done. Show nothing elsewhere.

    Args:
        label: what the command does.

    Yields:
        A function that takes how much is done, and how much there is.
    """
    with click.progressbar(length=1, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:

        def show(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield show


def has_terminal() -> bool:
    """Whether somebody can answer a question: standard input is a terminal."""
    return sys.stdin.isatty()


def confirm(question: str) -> None:
    """Ask on standard error whether to go on, and end the command if the answer is no.

    Args:
        question: one line, which says what will end.

    Raises:
        click.Abort: the answer is no.
        CommandRefused: nobody can answer, because standard input is no terminal.
    """
    if not has_terminal():
        raise CommandRefused(
            f"{question} Nobody can answer without a terminal: repeat the command with --yes."
        )
    click.confirm(shown(question), abort=True, err=True)


yes_option = click.option("--yes", is_flag=True, help="Do not ask.")
"""The option of every command that asks `confirm`."""


def ask_hidden(question: str) -> str:
    """Ask on standard error for a secret, without echo.

    Args:
        question: one line.

    Returns:
        The answer.
    """
    return str(click.prompt(shown(question), hide_input=True, err=True))


def print_json(value: object) -> None:
    """Print `value` as JSON in ASCII, indented if standard output is a terminal."""
    click.echo(json.dumps(value, indent=2 if sys.stdout.isatty() else None, ensure_ascii=True))


def print_items(items: Iterable[object], *, more: bool = False, **beside: object) -> None:
    """Print a list as JSON, as every command does.

    Args:
        items: the list.
        more: whether there are more than the limit allows to print.
        beside: members beside the list.
    """
    print_json({**beside, "items": list(items), "more": more})


def listed(names: Sequence[str], *, limit: int | None = MAX_LISTED_NAMES) -> str:
    """Names in one line: the first few, and how many more there are.

    Args:
        names: the names.
        limit: how many names to show at most; None for all.
    """
    if limit is None or len(names) <= limit:
        return ", ".join(names)
    return f"{', '.join(names[:limit])} and {len(names) - limit:,} more"


def counted(number: int, noun: str) -> str:
    """A number and its noun, such as "1 grant" or "2 grants"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def print_record(record: Mapping[str, object]) -> None:
    """Print names and values, one line each, without empty values."""
    width = max(map(len, record), default=0)
    for name, value in record.items():
        if value not in (None, "", [], {}):
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            print_line(f"{name:<{width}}  {text}")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as text, as wide as the terminal. Wider cells are folded, never cut, since people copy them.

    Elsewhere than on a terminal, each row is one line, for programs that read it.
    """
    lines = [columns, *([shown(cell) for cell in row] for row in rows)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    if sys.stdout.isatty():
        widths = _fitted(widths, shutil.get_terminal_size().columns)
    return "\n".join(_row(each, widths) for each in lines)


def _fitted(widths: Sequence[int], room: int) -> list[int]:
    """Narrow the widest columns until the table fits into `room` characters, or no column can be narrower."""
    fitted = list(widths)
    while sum(fitted) + len(_GAP) * (len(fitted) - 1) > room and max(fitted) > 1:
        fitted[fitted.index(max(fitted))] -= 1
    return fitted


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    """One row of a table, in several lines if a cell is wider than its column."""
    folded = [_folded(cell, width) for cell, width in zip(cells, widths, strict=True)]
    return "\n".join(
        _GAP.join(set_cell_size(part, width) for part, width in zip(parts, widths, strict=True)).rstrip()
        for parts in zip_longest(*folded, fillvalue="")
    )


def _folded(cell: str, width: int) -> list[str]:
    """The lines of a cell: at most `width` wide, broken at a space if there is one."""
    lines = []
    while cell_len(cell) > width:
        end = 1
        while cell_len(cell[: end + 1]) <= width:
            end += 1
        space = cell.rfind(" ", 0, end + 1)
        lines.append(cell[: space if space > 0 else end])
        cell = cell[space + 1 if space > 0 else end :]
    return [*lines, cell]


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table."""
    click.echo(table(columns, rows))


def print_csv(columns: Sequence[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a list as CSV (RFC 4180), one line a row. No spreadsheet reads a cell as a formula."""
    # Imported here, so that other commands start without it.
    import csv

    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([shown(f"'{cell}" if cell.startswith(_FORMULA) else cell) for cell in row])
    click.echo(text.getvalue(), nl=False)


def shown(text: str) -> str:
    """`text` with an escape in place of each character that a terminal obeys or does not show.

    These are control characters (C0, C1), line and paragraph separators, format characters (which reverse
    text or have no width), surrogates, unassigned characters, and every space but the usual one.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        each if each.isprintable() and each not in _INVISIBLE else ascii(each)[1:-1] for each in text
    )


def moment(at: int | None) -> str:
    """A time for people: `at` (seconds since the epoch) in UTC, or nothing for None."""
    return "" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
