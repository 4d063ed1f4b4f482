"""`flask audit list`: the audit table."""

from dataclasses import fields
from datetime import UTC, datetime

import click
from flask.cli import with_appcontext

from admin.audit import list_audit_events
from admin.people import look_up_person
from cli.output import DiscreetGroup, as_json, moment, print_json, print_line, print_table, speaks_plainly
from cli.people.display import warn_if_incomplete
from cli.services import services
from telemetry import AuditEvent

_DATES = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%SZ"])


@click.group(cls=DiscreetGroup)
def audit() -> None:
    """Read the audit table."""


@audit.command("list")
@click.option("--person", help="A stable id (sub), or the Net ID that the grants hold.")
@click.option("--client", "client_name", metavar="CLIENT", help="A client's id or name.")
@click.option(
    "--event", metavar="NAME", help="Such as token.issued, or token.* for every name that begins so."
)
@click.option("--name", help="A login name that no entry has; it is found by its digest.")
@click.option("--since", type=_DATES, metavar="DATE", help="Events since then, in UTC (default: a week ago).")
@click.option(
    "--limit", default=100, show_default=True, type=click.IntRange(1, 100_000), help="Events to list."
)
@as_json
@with_appcontext
@speaks_plainly
def list_all(since: datetime | None, limit: int, as_json: bool, **named: str | None) -> None:  # noqa: FBT001 - click passes by keyword
    """List events, newest first."""
    person = named["person"]
    listed = list_audit_events(
        services(),
        person=None if person is None else warn_if_incomplete(look_up_person(services(), person)),
        client_name=named["client_name"],
        event=named["event"],
        login_name=named["name"],
        since=None if since is None else int(since.replace(tzinfo=UTC).timestamp()),
        limit=limit,
    )
    if as_json:
        print_json({"events": [dict(each.fields()) for each in listed.events], "more": listed.more})
        return
    columns = [each.name for each in fields(AuditEvent)]
    print_table([column.upper() for column in columns], [_row(each, columns) for each in listed.events])
    if listed.more:
        print_line(f"There are more than {limit}: --limit shows more of them.", err=True)


def _row(event: AuditEvent, columns: list[str]) -> list[str]:
    texts = {name: "" if value is None else str(value) for name, value in event.fields().items()}
    return [texts[name] if name != "at" else moment(event.at) for name in columns]
