"""`flask grant …`: which grants live, and ending them."""

from datetime import UTC, datetime

import click
from flask.cli import with_appcontext

from admin.clients import find_client
from cli.output import (
    Misused,
    Refused,
    as_json,
    confirm,
    moment,
    print_json,
    print_line,
    print_table,
    speaks_plainly,
)
from cli.people.meant import subjects_meant
from cli.services import services
from models import LiveGrant, Selection, end_grants, list_grants
from telemetry import AuditEvent

_DATES = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%SZ"])
_ID_OCTETS = 19
_person = click.option("--person", help="A stable id (sub), or a Net ID as the grants have it.")
_client = click.option("--client", "client_name", metavar="CLIENT", help="A client's id or name.")


@click.group()
def grant() -> None:
    """See which logins live on in tokens, and end them."""


@grant.command("list")
@_person
@_client
@click.option(
    "--limit", default=100, show_default=True, type=click.IntRange(1, 100_000), help="Grants to list."
)
@as_json
@with_appcontext
@speaks_plainly
def list_live(person: str | None, client_name: str | None, limit: int, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """List live grants, newest first."""
    chosen = Selection(
        subjects=None if person is None else subjects_meant(person),
        client_id=None if client_name is None else find_client(services(), client_name).client_id,
    )
    found, more = list_grants(chosen, _now(), limit=limit)
    if as_json:
        print_json({"grants": [_as_object(each) for each in found], "more": more})
        return
    print_table(
        ("GRANT", "CLIENT", "NET ID", "SUB", "SCOPE", "SINCE", "LIVES UNTIL"),
        [_as_row(each) for each in found],
    )
    if more:
        print_line(f"There are more than {limit}: --limit shows more of them.", err=True)


@grant.command()
@click.option("--grant", "grant_id", metavar="ID", help="One grant, by its id.")
@_person
@_client
@click.option("--everyone", is_flag=True, help="All of them, as after a backup was restored.")
@click.option("--before", type=_DATES, metavar="DATE", help="Only logins from before, in UTC.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@with_appcontext
@speaks_plainly
def revoke(
    before: datetime | None,
    everyone: bool,  # noqa: FBT001 - click passes by keyword
    yes: bool,  # noqa: FBT001 - click passes by keyword
    as_json: bool,  # noqa: FBT001 - click passes by keyword
    **named: str | None,
) -> None:
    """End the live grants that match all that is named, with every token of theirs.

    A JWT is inactive here at once; an API that checks only its signature takes it until it expires.
    """
    grant_id, person, client_name = (named[name] for name in ("grant_id", "person", "client_name"))
    if everyone is not (grant_id is None and person is None and client_name is None):
        raise Misused("Name at least one of --grant, --person and --client, or --everyone alone.")
    subject = None if person is None else _one_subject(person)
    client = None if client_name is None else find_client(services(), client_name)
    chosen = Selection(
        grant_id=None if grant_id is None else _grant_key(grant_id),
        subjects=None if person is None else [subject] if subject else [],
        client_id=client.client_id if client else None,
        before=None if before is None else int(before.replace(tzinfo=UTC).timestamp()),
    )
    facts = [
        f"grant {grant_id}" if grant_id else "every grant of everyone" if everyone else "every grant",
        f"of {person} ({subject or 'no grant has this'})" if person is not None else "",
        f"with {client.client_name} ({client.client_id})" if client else "",
        f"from before {moment(chosen.before)}" if before else "",
    ]
    if not yes:
        confirm(f"End {' '.join(filter(None, facts))}?")
    ended = end_grants(chosen, _event(chosen, subject), _now())
    if as_json:
        print_json({"ended": ended})
    else:
        print_line(f"Ended {ended} grant{'' if ended == 1 else 's'}.")


def _one_subject(person: str) -> str | None:
    """The stable id of the person who is meant; None for one whom no grant knows."""
    meant = subjects_meant(person)
    if len(meant) > 1:
        raise Refused(f"{len(meant)} people had the Net ID {person}: say which, {', '.join(meant)}.")
    return meant[0] if meant else None


def _grant_key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != _ID_OCTETS:
        raise Refused("This is not the id of a grant: flask grant list has it.")
    return key


def _event(chosen: Selection, subject: str | None) -> AuditEvent:
    everyone = chosen.grant_id is None and chosen.subjects is None and chosen.client_id is None
    reason = "operator, everyone" if everyone else "operator"
    return AuditEvent(
        event="grant.revoked",
        at=_now(),
        client_id=chosen.client_id,
        subject=subject,
        grant_id=chosen.grant_id.hex() if chosen.grant_id else None,
        reason=reason if chosen.before is None else f"{reason}, before {moment(chosen.before)}",
    )


def _as_object(found: LiveGrant) -> dict[str, object]:
    return {
        "grant_id": found.id.hex(),
        "client_id": found.client_id,
        "client_name": found.client_name,
        "net_id": found.net_id,
        "sub": found.subject,
        "scope": found.scope,
        "since": found.auth_time,
        "lives_until": found.live_until,
    }


def _as_row(found: LiveGrant) -> tuple[str, ...]:
    return (
        found.id.hex(),
        found.client_name or found.client_id,
        found.net_id or "",
        found.subject or "",
        found.scope,
        moment(found.auth_time),
        moment(found.live_until),
    )


def _now() -> int:
    return int(services().clock())
