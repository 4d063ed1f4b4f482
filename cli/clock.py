"""`flask clock …`: the clock that decides what has expired, and what to do after it was wrong."""

import click
from flask.cli import with_appcontext

from admin.clock import accept_clock, read_clocks
from cli.output import (
    DiscreetGroup,
    confirm,
    json_option,
    moment,
    print_json,
    print_line,
    print_record,
    yes_option,
)
from cli.schema import speaks_plainly
from cli.services import operator, services, with_reason


@click.group(cls=DiscreetGroup)
def clock() -> None:
    """Show the clock that decides what has expired, and accept it after it was wrong."""


@clock.command()
@json_option('{"database": time, "server": time, "newest_row": time or null, "ahead_seconds": number}')
@with_appcontext
@speaks_plainly
def show(as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Show the database's clock, the server's clock, and the time of the newest audit row."""
    reading = read_clocks(services())
    newest = int(reading.newest_row)
    if as_json:
        print_json(
            {
                "database": int(reading.database),
                "server": int(reading.server),
                "newest_row": newest or None,
                "ahead_seconds": round(reading.ahead),
            }
        )
        return
    print_record(
        {
            "Database": moment(int(reading.database)),
            "Server": moment(int(reading.server)),
            "Newest audit row": moment(newest) if newest else "",
            "Server is ahead by": f"{reading.ahead:.0f} s",
        }
    )


@clock.command()
@yes_option
@with_reason
@json_option('{"accepted": time}')
@with_appcontext
@speaks_plainly
def accept(yes: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Follow the database's clock again, after it was wrong and was corrected.

    Stop every server on this database first, because each still uses the wrong clock. Tokens that expired
    only by the wrong clock are valid again until they really expire.
    """
    reading = read_clocks(services())
    now = moment(int(reading.database))
    if not yes:
        confirm(f"It is {now} by the database's clock. Is that right?")
    accept_clock(services(), reading, actor=operator())
    if as_json:
        print_json({"accepted": int(reading.database)})
    else:
        print_line(f"Accepted: {now}. Start the servers on this database again.")
