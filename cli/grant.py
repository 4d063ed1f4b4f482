"""`flask grant …`: listing live grants, and ending them."""

from datetime import UTC, datetime

import click
from flask.cli import with_appcontext

from admin.grants import (
    RevocationPlan,
    list_live_grants,
    plan_revocation,
    require_selection,
    revoke_grants,
)
from admin.people import look_up_person
from cli.output import (
    DiscreetGroup,
    confirm,
    counted,
    json_list_option,
    json_option,
    moment,
    print_items,
    print_json,
    print_line,
    print_table,
    yes_option,
)
from cli.people.display import warn_if_incomplete
from cli.schema import speaks_plainly
from cli.services import operator, services, with_reason
from models import LiveGrant

_DATES = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%SZ"])
_person = click.option("--person", metavar="PERSON", help="Only grants of this user: a Net ID or a sub.")
_client = click.option(
    "--client", "client_name", metavar="CLIENT", help="Only grants of this client: its id or name."
)


@click.group(cls=DiscreetGroup)
def grant() -> None:
    """List and end grants.

    A grant is one login of one user with one client. It lives on in tokens until they expire, or until the
    grant is ended.
    """


@grant.command("list")
@_person
@_client
@click.option(
    "--limit", default=100, show_default=True, type=click.IntRange(1, 100_000), help="Grants to list."
)
@json_list_option(
    '{"grant_id": text, "client_id": text, "client_name": text or null, "net_id": text or null, '
    '"sub": text or null, "scope": text, "since": time, "lives_until": time}'
)
@with_appcontext
@speaks_plainly
def list_live(person: str | None, client_name: str | None, limit: int, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """List live grants, newest first."""
    lookup = None if person is None else warn_if_incomplete(look_up_person(services(), person))
    listed = list_live_grants(services(), lookup, client_name, limit=limit)
    if as_json:
        print_items(map(_as_object, listed.grants), more=listed.more)
        return
    print_table(
        ("GRANT", "CLIENT", "NET ID", "SUB", "SCOPE", "SINCE", "LIVES UNTIL"),
        [_as_row(each) for each in listed.grants],
    )
    if listed.more:
        print_line(f"There are more than {limit}: --limit shows more of them.", err=True)


@grant.command()
@click.option("--grant", "grant_id", metavar="ID", help="One grant, by its id (see `flask grant list`).")
@_person
@_client
@click.option("--everyone", is_flag=True, help="Every grant, as after a backup was restored.")
@click.option("--before", type=_DATES, metavar="DATE", help="Only logins before this time, in UTC.")
@yes_option
@with_reason
@json_option('{"ended": number}')
@with_appcontext
@speaks_plainly
def revoke(
    before: datetime | None,
    everyone: bool,  # noqa: FBT001 - click passes by keyword
    yes: bool,  # noqa: FBT001 - click passes by keyword
    as_json: bool,  # noqa: FBT001 - click passes by keyword
    **named: str | None,
) -> None:
    """End the live grants that match every given option, with all their tokens.

    The command says how many grants will end, and asks. It fails if no live grant matches.

    An ended JWT is inactive at this server's introspection at once. An API that verifies only the signature
    accepts the JWT until it expires.
    """
    require_selection(*named.values(), everyone=everyone)
    person = named["person"]
    planned = plan_revocation(
        services(),
        grant_id=named["grant_id"],
        person=None if person is None else warn_if_incomplete(look_up_person(services(), person)),
        client_name=named["client_name"],
        before=None if before is None else int(before.replace(tzinfo=UTC).timestamp()),
        everyone=everyone,
    )
    if not yes:
        confirm(_question(planned, named["grant_id"], person))
    ended = revoke_grants(services(), planned, actor=operator())
    if as_json:
        print_json({"ended": ended})
    else:
        print_line(f"Ended {counted(ended, 'grant')}.")


def _question(planned: RevocationPlan, grant_id: str | None, person: str | None) -> str:
    client, before = planned.client, planned.selection.before
    facts = [
        counted(planned.count, "grant"),
        f"({grant_id})" if grant_id else "of everyone" if planned.everyone else "",
        f"of {person} ({planned.subject})" if person is not None else "",
        f"with {client.client_name} ({client.client_id})" if client else "",
        "" if before is None else f"from before {moment(before)}",
    ]
    return f"End {' '.join(filter(None, facts))}?"


def _as_object(grant: LiveGrant) -> dict[str, object]:
    return {
        "grant_id": grant.id.hex(),
        "client_id": grant.client_id,
        "client_name": grant.client_name,
        "net_id": grant.net_id,
        "sub": grant.subject,
        "scope": grant.scope,
        "since": grant.auth_time,
        "lives_until": grant.live_until,
    }


def _as_row(grant: LiveGrant) -> tuple[str, ...]:
    return (
        grant.id.hex(),
        grant.client_name or grant.client_id,
        grant.net_id or "",
        grant.subject or "",
        grant.scope,
        moment(grant.auth_time),
        moment(grant.live_until),
    )
