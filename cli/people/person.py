"""`flask person …`: why somebody cannot log in, letting them in again, and ending their logins."""

import click
from flask.cli import with_appcontext

from cli.output import (
    Refused,
    as_json,
    moment,
    print_json,
    print_line,
    print_record,
    print_table,
    speaks_plainly,
)
from cli.people.meant import subjects_meant
from cli.people.why import StepResult, tell
from cli.services import services
from models import Selection, end_grants, record, unblock
from telemetry import AuditEvent

_FORGOTTEN = "the directory has forgotten failures, or a login elsewhere"

_net_id = click.argument("net_id")


@click.group()
def person() -> None:
    """Help one person: by Net ID, or by stable id (sub)."""


@person.command()
@_net_id
@as_json
@with_appcontext
@speaks_plainly
def why(net_id: str, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Say why somebody cannot log in: the directory's view, failures of the last day, blocks, live grants."""
    told = tell(net_id)
    if as_json:
        print_json(told.as_object())
    else:
        _print(told)


@person.command("unblock")
@_net_id
@as_json
@with_appcontext
@speaks_plainly
def let_in(net_id: str, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Empty somebody's count of failures. Those of clients, addresses and the directory itself stay."""
    told = tell(net_id)
    failures, passwords = unblock(services().login_names.digest(net_id), told.subject or net_id)
    reason = f"operator: {failures} failures, {passwords} passwords"
    record(_event("person.unblocked", told.subject, reason))
    if as_json:
        print_json({"sub": told.subject, "failures": failures, "refused_passwords": passwords})
        return
    print_line(
        f"Failures that count no more: {failures}; refused passwords that were forgotten: {passwords}."
    )
    if told.state is not None and told.state.refusal is not None:
        print_line(f"The directory refuses them all the same: {told.state.refusal.value}.", err=True)


@person.command()
@_net_id
@as_json
@with_appcontext
@speaks_plainly
def logout(net_id: str, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """End every live grant of somebody, with every token of theirs. The directory need not answer."""
    meant = subjects_meant(net_id)
    if len(meant) > 1:
        raise Refused(f"{len(meant)} people had the Net ID {net_id}: say which, {', '.join(meant)}.")
    subject = meant[0] if meant else None
    ended = 0
    if subject is not None:
        event = _event("grant.revoked", subject, "operator, logout")
        ended = end_grants(Selection(subjects=[subject]), event, event.at)
    if as_json:
        print_json({"sub": subject, "ended": ended})
    else:
        print_line(f"Ended {ended} grant{'' if ended == 1 else 's'}.")


def _event(name: str, subject: str | None, reason: str) -> AuditEvent:
    return AuditEvent(event=name, at=int(services().clock()), subject=subject, reason=reason)


def _print(told: StepResult) -> None:
    print_record(told.for_people())
    for block in told.blocks:
        whom = told.blocked_by(block)
        end = _FORGOTTEN if block.until is None else moment(block.until)
        print_line(f"BLOCKED {whom} until {end} ({block.cause.value})")
    if told.failures:
        print_line("")
        print_line("Refused in the last day:")
        print_table(
            ("CLIENT", "ADDRESS", "REASON", "TIMES", "SAME PASSWORD", "FIRST", "LAST"),
            [
                (
                    told.name_of(each.client_id),
                    each.address,
                    each.reason,
                    str(each.times),
                    str(each.repeated),
                    moment(each.first_at),
                    moment(each.last_at),
                )
                for each in told.failures
            ],
        )
    if told.grants:
        print_line("")
        print_line("Live grants:")
        rows = [
            (each.id.hex(), each.client_name or each.client_id, each.scope, moment(each.auth_time))
            for each in told.grants
        ]
        print_table(("GRANT", "CLIENT", "SCOPE", "SINCE"), rows)
