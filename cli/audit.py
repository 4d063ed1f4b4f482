"""`flask audit list`: what the audit table remembers."""

from dataclasses import fields
from datetime import UTC, datetime

import click
from flask.cli import with_appcontext

from admin.clients import find_client
from cli.output import as_json, moment, print_json, print_line, print_table, speaks_plainly
from cli.people.meant import subjects_meant
from cli.services import services
from models import AuditSelection, list_events
from telemetry import AuditEvent

_DATES = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%SZ"])
_WEEK = 7 * 86_400


@click.group()
def audit() -> None:
    """Ask the audit table."""


@audit.command("list")
@click.option("--person", help="A stable id (sub), or a Net ID as the grants have it.")
@click.option("--client", "client_name", metavar="CLIENT", help="A client's id or name.")
@click.option("--event", metavar="NAME", help="Such as token.issued, or token.* for all that begin so.")
@click.option("--name", help="A login name that nobody has: found by its digest.")
@click.option("--since", type=_DATES, metavar="DATE", help="From then on, in UTC (default: a week ago).")
@click.option(
    "--limit", default=100, show_default=True, type=click.IntRange(1, 100_000), help="Events to list."
)
@as_json
@with_appcontext
@speaks_plainly
def list_all(since: datetime | None, limit: int, as_json: bool, **named: str | None) -> None:  # noqa: FBT001 - click passes by keyword
    """List events, newest first."""
    person, client_name, name = named["person"], named["client_name"], named["name"]
    week_ago = int(services().clock()) - _WEEK
    chosen = AuditSelection(
        since=week_ago if since is None else int(since.replace(tzinfo=UTC).timestamp()),
        # Who never had a grant is in the table by the stable id alone.
        subjects=None if person is None else [*subjects_meant(person), person],
        client_id=None if client_name is None else find_client(services(), client_name).client_id,
        event=named["event"],
        name_digest=None if name is None else services().audit_names.digest(name).hex(),
    )
    found, more = list_events(chosen, limit=limit)
    if as_json:
        print_json({"events": [dict(each.fields()) for each in found], "more": more})
        return
    columns = [each.name for each in fields(AuditEvent)]
    print_table([column.upper() for column in columns], [_row(each, columns) for each in found])
    if more:
        print_line(f"There are more than {limit}: --limit shows more of them.", err=True)


def _row(event: AuditEvent, columns: list[str]) -> list[str]:
    told = {name: "" if value is None else str(value) for name, value in event.fields().items()}
    return [told[name] if name != "at" else moment(event.at) for name in columns]
