"""`flask person …`: why a user cannot log in, emptying the count of failures, and ending logins."""

import click
from flask.cli import with_appcontext

from admin.people import look_up_person, report_on_person, unblock_person
from admin.sessions import Logins, count_logins, log_person_out
from cli.output import (
    DiscreetGroup,
    confirm,
    counted,
    json_option,
    print_json,
    print_line,
    yes_option,
)
from cli.people.display import in_words, print_report, report_as_object, warn_if_incomplete
from cli.schema import speaks_plainly
from cli.services import operator, services, with_reason

_net_id = click.argument("net_id")


@click.group(cls=DiscreetGroup)
def person() -> None:
    """Help one user.

    NET_ID is the user's login name, or the sub that is in tokens and logs.
    """


@person.command()
@_net_id
@json_option(
    '{"sub": text or null, "directory": text, "blocked": [...], "grants": [...], "sessions": number, ...}'
)
@with_appcontext
@speaks_plainly
def why(net_id: str, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Say why a user cannot log in.

    The report has the directory's answer, the refused logins of the last day, the limits that block the user
    now, the programs that hold live grants, the app passwords, and the number of sign-in sessions. The
    command fails if nobody is known by the name.
    """
    report = report_on_person(services(), net_id)
    if as_json:
        print_json(report_as_object(report))
    else:
        print_report(report)


@person.command()
@_net_id
@with_reason
@json_option('{"sub": text or null, "failures": number, "refused_passwords": number}')
@with_appcontext
@speaks_plainly
def unblock(net_id: str, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Let a user log in again whom this server blocks after failed logins.

    The server forgets the failures and the refused passwords of this user. The counts of clients and
    addresses stay, and so does a lock that the directory itself has set.
    """
    done = unblock_person(services(), net_id, actor=operator())
    if as_json:
        print_json({"sub": done.subject, "failures": done.failures, "refused_passwords": done.passwords})
        return
    print_line(f"Failures that no longer count: {done.failures}; passwords forgotten: {done.passwords}.")
    if done.refusal is not None:
        print_line(f"The directory still refuses the user. {in_words(done.refusal)}", err=True)


@person.command()
@_net_id
@yes_option
@with_reason
@json_option('{"sub": text, "ended": number, "ended_sessions": number, "ended_app_passwords": number}')
@with_appcontext
@speaks_plainly
def logout(net_id: str, yes: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Log a user out of every program and browser: end every session and live grant, with every token.

    App passwords end too, since they outlive a change of the password. The command says how many will end,
    and asks. It fails if the user has none. It works while the directory is away.
    """
    lookup = warn_if_incomplete(look_up_person(services(), net_id))
    if not yes:
        count = count_logins(services(), lookup)
        confirm(f"End {_counted(count)} of {net_id} ({lookup.only_subject()})?")
    ended = log_person_out(services(), lookup, actor=operator())
    if as_json:
        others = {"ended_sessions": ended.sessions, "ended_app_passwords": ended.app_passwords}
        print_json({"sub": lookup.only_subject(), "ended": ended.grants, **others})
    else:
        print_line(f"Ended {_counted(ended)}.")


def _counted(logins: Logins) -> str:
    others = {"session": logins.sessions, "app password": logins.app_passwords}
    return " and ".join(
        [counted(logins.grants, "grant"), *(counted(count, noun) for noun, count in others.items() if count)]
    )
