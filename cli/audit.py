"""`flask audit …`: the audit table, and the audit of this server's own settings and clients."""

import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from flask import current_app
from flask.cli import with_appcontext

from admin.audit import ListedEvents, list_audit_events
from admin.people import look_up_person
from cli.output import (
    MAX_LISTED_NAMES,
    DiscreetGroup,
    Misused,
    json_list_option,
    moment,
    print_csv,
    print_items,
    print_line,
    print_marked,
    print_table,
)
from cli.people.display import warn_if_incomplete
from cli.schema import speaks_plainly
from cli.services import services
from models import ListedEvent
from settings.keyring import KEY_FILE_NAME
from telemetry import AuditEvent, json_text

if TYPE_CHECKING:
    from admin.self_audit.finding import Finding

_DATES = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%SZ"])
# In this order a reader asks: when, what, which program, who, why. Further fields follow.
_FIRST = ("at", "event", "client_name", "client_id", "sub", "actor", "actor_reason", "reason")
_COLUMNS = (*_FIRST, *(each.name for each in fields(AuditEvent) if each.name not in {*_FIRST, "subject"}))

_COLOURS = {"high": "red", "medium": "yellow", "low": "cyan", "note": "white"}
_STATUSES = {"high": 4, "medium": 3, "low": 3, "note": 0}
"""The exit status by the worst finding. Every command has 1 for a refusal, and 2 for a wrong option."""


@click.group(cls=DiscreetGroup)
def audit() -> None:
    """Read the audit table, and check this server's own settings and clients."""


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


@audit.command("self")
@click.option(
    "--accept",
    "accepted",
    multiple=True,
    metavar="ID[=ABOUT]",
    help="Leave out a finding that you accept, everywhere or for one client, setting or key; repeatable.",
)
@click.option(
    "--all",
    "every_one",
    is_flag=True,
    help=f"Print every finding, instead of the first {MAX_LISTED_NAMES} of each kind.",
)
@json_list_option(
    '{"id": text, "weight": "high", "medium", "low" or "note", "about": text, "client_id": text or null, '
    '"client_name": text or null, "sentence": text, "mend": text, "references": [text, ...]}',
    beside='"worst": text or null, "checks": number, ',
)
@with_appcontext
@speaks_plainly
def self_(accepted: tuple[str, ...], every_one: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Check the settings, clients and keys of this server against RFC 9700 and OWASP ASVS 5.0, V10.

    It reads settings and rows only: it asks no directory and logs in nowhere. Run it with the server's
    settings. The exit status is 4 if the worst finding is high, 3 if it is medium or low, and else 0.
    """
    from admin.self_audit.self_audit import CHECKS, audit_self, worst

    key_file = Path(current_app.instance_path) / KEY_FILE_NAME
    findings = audit_self(services(), key_file=key_file, environ=os.environ, accepted=accepted)
    worst_of_all = worst(findings)
    if as_json:
        print_items((each._asdict() for each in findings), worst=worst_of_all, checks=len(CHECKS))
    else:
        _print_findings(findings, every_one=every_one)
        counts = Counter(str(each.weight) for each in findings)
        numbers = ", ".join(f"{counts[each]} {each}" for each in _STATUSES)
        print_line(f"{len(CHECKS)} checks found: {numbers}.")
    sys.exit(_STATUSES[worst_of_all] if worst_of_all else 0)


def _print_findings(findings: "Sequence[Finding]", *, every_one: bool) -> None:
    """Print findings in lines, and of each kind the first ones only unless every one is wanted."""
    printed: Counter[str] = Counter()
    total = Counter(each.id for each in findings)
    for each in findings:
        printed[each.id] += 1
        if printed[each.id] > MAX_LISTED_NAMES and not every_one:
            continue
        about = each.about if each.client_name is None else f"{each.client_name} ({each.about})"
        print_marked(f"{each.weight:<7}", _COLOURS[each.weight], f"{each.id}: {about}")
        references = f" ({'; '.join(each.references)})" if each.references else ""
        print_line(f"{'':<7} {each.sentence}{references}")
        print_line(f"{'':<7} {each.mend}")
        if printed[each.id] == MAX_LISTED_NAMES and total[each.id] > MAX_LISTED_NAMES and not every_one:
            print_line(f"{'':<7} ... and {total[each.id] - MAX_LISTED_NAMES:,} more of this kind: --all")


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
