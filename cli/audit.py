"""`flask audit list`: the audit table."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import click
from flask.cli import with_appcontext

from admin.audit import ListedEvents, list_audit_events
from admin.people import look_up_person
from cli.output import (
    DiscreetGroup,
    Misused,
    json_list_option,
    moment,
    print_csv,
    print_items,
    print_line,
    print_table,
)
from cli.people.display import warn_if_incomplete
from cli.schema import speaks_plainly
from cli.services import services
from models import ListedEvent
from telemetry import AuditEvent, json_text

_DATES = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%SZ"])
# In this order a reader asks: when, what, which program, who, why. Further fields follow.
_FIRST = ("at", "event", "client_name", "client_id", "sub", "actor", "actor_reason", "reason")
_COLUMNS = (*_FIRST, *(each.name for each in fields(AuditEvent) if each.name not in {*_FIRST, "subject"}))


@click.group(cls=DiscreetGroup)
def audit() -> None:
    """Read the audit table."""


@audit.command("list")
@click.option("--person", metavar="PERSON", help="Only events of this user: a Net ID or a sub.")
@click.option("--client", "client_name", metavar="CLIENT", help="Only events of this client: its id or name.")
@click.option(
    "--event",
    metavar="NAME",
    help="Only events of this name, such as token.issued. token.* means all that begin so.",
)
@click.option("--name", help="Only events of this login name, which no user has. The audit holds its digest.")
@click.option(
    "--request",
    "request_id",
    metavar="ID",
    help="Only events of this request: the X-Request-Id of its answer.",
)
@click.option("--since", type=_DATES, metavar="DATE", help="Events since then, in UTC (default: a week).")
@click.option("--until", type=_DATES, metavar="DATE", help="Events before then, in UTC.")
@click.option(
    "--limit", default=100, show_default=True, type=click.IntRange(1, 100_000), help="Events to list."
)
@click.option(
    "--format",
    "output",
    type=click.Choice(["table", "csv", "jsonl"]),
    default="table",
    show_default=True,
    help="A table for people, CSV for a spreadsheet, or a JSON object on each line.",
)
@json_list_option('{"at": time, "event": text, "client_id": text or null, "sub": text or null, ...}')
@with_appcontext
@speaks_plainly
def list_all(
    since: datetime | None,
    until: datetime | None,
    limit: int,
    output: str,
    as_json: bool,  # noqa: FBT001 - click passes by keyword
    **named: str | None,
) -> None:
    """List audit events, newest first: logins, tokens, and changes by operators.

    The table leaves out columns that no listed event has.
    """
    if as_json and output != "table":
        raise Misused("--json and --format exclude each other.")
    person = named["person"]
    listed = list_audit_events(
        services(),
        person=None if person is None else warn_if_incomplete(look_up_person(services(), person)),
        client_name=named["client_name"],
        event=named["event"],
        login_name=named["name"],
        request_id=named["request_id"],
        since=_seconds(since),
        until=_seconds(until),
        limit=limit,
    )
    if as_json:
        print_items(map(_members, listed.events), more=listed.more)
        return
    _PRINTERS[output](listed)
    if listed.more:
        print_line(f"There are more than {limit}: --limit shows more of them.", err=True)


def _seconds(date: datetime | None) -> int | None:
    return None if date is None else int(date.replace(tzinfo=UTC).timestamp())


def _members(listed: ListedEvent) -> Mapping[str, Any]:
    """Every field of an event under the names of every command, where `sub` is a person's stable id."""
    event = listed.event
    members = {**event.fields(), "client_name": listed.client_name, "sub": event.subject}
    return {name: members[name] for name in _COLUMNS}


def _print_table(listed: ListedEvents) -> None:
    rows = [_texts(each) for each in listed.events]
    columns = [name for name in _COLUMNS if any(row[name] for row in rows)] or list(_FIRST)
    print_table([_heading(name) for name in columns], [[row[name] for name in columns] for row in rows])


def _print_csv(listed: ListedEvents) -> None:
    print_csv(_COLUMNS, (_texts(each).values() for each in listed.events))


def _print_jsonl(listed: ListedEvents) -> None:
    for each in listed.events:
        print_line(json_text({name: value for name, value in _members(each).items() if value is not None}))


_PRINTERS = {"table": _print_table, "csv": _print_csv, "jsonl": _print_jsonl}


def _texts(listed: ListedEvent) -> Mapping[str, str]:
    texts = {name: "" if value is None else str(value) for name, value in _members(listed).items()}
    return {**texts, "at": moment(listed.event.at)}


def _heading(name: str) -> str:
    return "CLIENT" if name == "client_name" else name.upper()
