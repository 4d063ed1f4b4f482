"""`flask person …`: why a user cannot log in, emptying the count of failures, and ending logins."""

import click
from flask.cli import with_appcontext

from admin.people import log_person_out, look_up_person, report_on_person, unblock_person
from cli.output import DiscreetGroup, as_json, print_json, print_line, speaks_plainly
from cli.people.display import in_words, print_report, report_as_object, warn_if_incomplete
from cli.services import operator, services, with_reason

_net_id = click.argument("net_id")


@click.group(cls=DiscreetGroup)
def person() -> None:
    """Help one user, named by Net ID or by stable id (sub)."""


@person.command()
@_net_id
@as_json
@with_appcontext
@speaks_plainly
def why(net_id: str, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Say why a user cannot log in: the directory's view, failures of the last day, blocks, live grants."""
    report = report_on_person(services(), net_id)
    if as_json:
        print_json(report_as_object(report))
    else:
        print_report(report)


@person.command()
@_net_id
@with_reason
@as_json
@with_appcontext
@speaks_plainly
def unblock(net_id: str, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Empty a user's count of failures. The counts of clients, addresses and the directory itself stay."""
    done = unblock_person(services(), net_id, actor=operator())
    if as_json:
        print_json({"sub": done.subject, "failures": done.failures, "refused_passwords": done.passwords})
        return
    print_line(f"Failures that no longer count: {done.failures}; passwords forgotten: {done.passwords}.")
    if done.refusal is not None:
        print_line(f"The directory still refuses the user. {in_words(done.refusal)}", err=True)


@person.command()
@_net_id
@with_reason
@as_json
@with_appcontext
@speaks_plainly
def logout(net_id: str, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """End every live grant of a user, with every token. The directory need not answer."""
    subject = warn_if_incomplete(look_up_person(services(), net_id)).only_subject()
    ended = log_person_out(services(), subject, actor=operator())
    if as_json:
        print_json({"sub": subject, "ended": ended})
    else:
        print_line(f"Ended {ended} grant{'' if ended == 1 else 's'}.")
