"""`flask session …`: listing live sign-in sessions, and ending them."""

import click
from flask.cli import with_appcontext

from admin.people import look_up_person
from admin.sessions import (
    SessionEndPlan,
    end_planned_sessions,
    list_live_sessions,
    plan_session_end,
    require_session_selection,
)
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
from models import SignInSession

_person = click.option("--person", metavar="PERSON", help="Only sessions of this user: a Net ID or a sub.")


@click.group(cls=DiscreetGroup)
def session() -> None:
    """List and end sign-in sessions.

    A session is one browser in which a user has signed in at this server's page. Programs get their grants
    through it.
    """


@session.command("list")
@_person
@click.option(
    "--limit", default=100, show_default=True, type=click.IntRange(1, 100_000), help="Sessions to list."
)
@json_list_option(
    '{"session_id": text, "net_id": text or null, "sub": text, "since": time, "signed_in": time, '
    '"last_used": time, "lives_until": time, "address": text, "browser": text}'
)
@with_appcontext
@speaks_plainly
def list_live(person: str | None, limit: int, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """List live sessions, the one that was used last first."""
    lookup = None if person is None else warn_if_incomplete(look_up_person(services(), person))
    found = list_live_sessions(services(), lookup, limit=limit)
    if as_json:
        print_items(map(_as_object, found.sessions), more=found.more)
        return
    print_table(
        ("SESSION", "NET ID", "SUB", "SINCE", "LAST USED", "ADDRESS", "BROWSER"),
        [_as_row(each) for each in found.sessions],
    )
    if found.more:
        print_line(f"There are more than {limit}: --limit shows more of them.", err=True)


@session.command()
@click.option(
    "--session", "session_id", metavar="ID", help="One session, by its id (see `flask session list`)."
)
@_person
@click.option("--everyone", is_flag=True, help="Every session, as after a backup was restored.")
@yes_option
@with_reason
@json_option('{"ended": number, "grants": number}')
@with_appcontext
@speaks_plainly
def end(
    session_id: str | None,
    person: str | None,
    everyone: bool,  # noqa: FBT001 - click passes by keyword
    yes: bool,  # noqa: FBT001 - click passes by keyword
    as_json: bool,  # noqa: FBT001 - click passes by keyword
) -> None:
    """End the live sessions that match every given option.

    Their grants end with them, but those with the scope offline_access: these are for the time after the
    session, and `flask person logout` or `flask grant revoke` ends them. Clients with a back-channel logout
    URI are notified.

    The command says how many sessions will end, and asks. It fails if no live session matches; with
    --everyone there may be none.
    """
    require_session_selection(session_id, person, everyone=everyone)
    planned = plan_session_end(
        services(),
        session_id=session_id,
        person=None if person is None else warn_if_incomplete(look_up_person(services(), person)),
        everyone=everyone,
    )
    if not yes:
        confirm(_question(planned, session_id, person))
    ended = end_planned_sessions(services(), planned, actor=operator())
    if as_json:
        print_json({"ended": ended.sessions, "grants": ended.grants})
    else:
        print_line(f"Ended {counted(ended.sessions, 'session')}, and {counted(ended.grants, 'grant')}.")


def _question(planned: SessionEndPlan, session_id: str | None, person: str | None) -> str:
    facts = [
        counted(planned.count, "session"),
        f"({session_id})" if session_id else "of everyone" if planned.everyone else "",
        f"of {person} ({planned.subject})" if person is not None else "",
    ]
    return f"End {' '.join(filter(None, facts))}?"


def _as_object(listed: SignInSession) -> dict[str, object]:
    return {
        "session_id": listed.id.hex(),
        "net_id": listed.net_id,
        "sub": listed.subject,
        "since": listed.created_at,
        "signed_in": listed.auth_time,
        "last_used": listed.last_used_at,
        "lives_until": listed.expires_at,
        "address": listed.address,
        "browser": listed.user_agent,
    }


def _as_row(listed: SignInSession) -> tuple[str, ...]:
    return (
        listed.id.hex(),
        listed.net_id or "",
        listed.subject,
        moment(listed.created_at),
        moment(listed.last_used_at),
        listed.address,
        listed.user_agent,
    )
