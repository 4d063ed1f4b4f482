"""`flask clock …`: the clock by which everything is decided, and what to do when it was wrong."""

from collections.abc import Callable

import click
from flask.cli import with_appcontext

from cli.output import as_json, confirm, moment, print_json, print_line, print_record, speaks_plainly
from cli.services import services
from models import ACCEPTED, ServerClock, clock_of_the_database, record
from telemetry import AuditEvent


@click.group()
def clock() -> None:
    """Show the clock that the server goes by, and accept that of the database again."""


@clock.command()
@as_json
@with_appcontext
@speaks_plainly
def show(as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Show the database's clock, the server's, and the time of the newest audit row."""
    reading, mark = clock_of_the_database(_machines())
    mine = services().clock()
    if as_json:
        told = {"database": int(reading), "server": int(mine), "newest_row": int(mark) or None}
        print_json({**told, "ahead_seconds": round(mine - reading)})
        return
    print_record(
        {
            "Database": moment(int(reading)),
            "Server": moment(int(mine)),
            "Newest audit row": moment(int(mark)) if mark else "",
            "Server is ahead by": f"{mine - reading:.0f} s",
        }
    )


@clock.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@with_appcontext
@speaks_plainly
def accept(yes: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Go by the database's clock again, after it was wrong and has been set right.

    Stop every server on this database first: what they write goes by the wrong clock. What ended only by that
    clock lives again until its own end.
    """
    reading, mark = clock_of_the_database(_machines())
    if not yes:
        confirm(f"It is {moment(int(reading))} by the database's clock. Is that right?")
    reason = f"{max(0, mark - reading):.0f} s back"
    # By the database's clock itself: the server's own is what is not believed any more.
    record(AuditEvent(event=ACCEPTED, at=int(reading), reason=reason))
    if as_json:
        print_json({"accepted": int(reading)})
    else:
        print_line(f"Accepted: {moment(int(reading))}. Start the servers on this database again.")


def _machines() -> Callable[[], float]:
    """The machine's own clock, which is that of SQLite."""
    known = services().clock
    return known.wall if isinstance(known, ServerClock) else known
