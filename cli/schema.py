"""Creates the tables of a new database before a command uses it; an old database is never changed."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from cli.output import CommandRefused, print_line, refuses_plainly
from models import has_tables, is_current, migrate

_P = ParamSpec("_P")
_R = TypeVar("_R")


def speaks_plainly(command: Callable[_P, _R]) -> Callable[_P, _R]:
    """Give a command its tables, and turn what stops it into sentences and exit status 1."""

    @wraps(command)
    def prepared(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        create_tables_if_new()
        return command(*args, **kwargs)

    return refuses_plainly(prepared)


def create_tables_if_new() -> None:
    """Create the tables of an empty database, so that a first command needs no step before it.

    A database of an earlier release is left alone: its operator makes a backup and upgrades it.

    Raises:
        CommandRefused: the tables cannot be created.
        StoreUnavailable: the database does not answer.
    """
    if not has_tables():
        bring_up_to_date()
        print_line("The database was empty: its tables were created.", err=True)


def bring_up_to_date() -> None:
    """Migrate the database to the schema of this release, if it has another.

    Raises:
        CommandRefused: the database cannot be migrated.
        StoreUnavailable: the database does not answer.
    """
    if is_current():
        return
    try:
        migrate()
    except SystemExit:
        # Flask-Migrate would exit without a message to the operator.
        raise CommandRefused("The database cannot be migrated: is it that of a newer release?") from None
