"""How policies of the password grant are printed, as tables and as JSON."""

from collections.abc import Sequence

from admin.password_grant.policies import PolicyStatus, PolicyStep
from admin.password_grant.policy_change import duration, summary
from admin.password_grant.unused import UnusedClient
from cli.output import counted, moment, print_items, print_line, print_table
from core.moments import moment_text
from models import Client, ClosedReason, PasswordGrantPolicy, PasswordGrantStep
from oauth.clients.registration import policy_metadata

_POLICY = (
    '{"announced_at": time or null, "ends_at": time or null, "brown_outs": [[time, time], ...], '
    '"closed_to_new_people_at": time or null, "app_passwords": text, "off_at": time or null}'
)
_NAMES = '"client_id": text, "client_name": text'
STEP = f'{{{_NAMES}, "changed": true or false, "password_grant": {_POLICY}}}'
"""What `set` and `undo` print of a client."""
_STEP = '{"at": time, "actor": text, "reason": text or null}'
STATUS = (
    f'{{{_NAMES}, "owner": text or null, "state": text, "ends_at": time or null, '
    f'"password_grant": {_POLICY}, "last_step": {_STEP} or null}}'
)
"""What `status` prints of a client."""
UNUSED = f'{{{_NAMES}, "owner": text or null, "last_used_at": time or null, "failures": number}}'
"""What `close-unused` prints of a client."""
_STATES = {
    None: "open",
    ClosedReason.OFF: "off",
    ClosedReason.ENDED: "ended",
    ClosedReason.BROWN_OUT: "brown-out",
    ClosedReason.APP_PASSWORDS_ONLY: "app passwords only",
}


def print_steps(steps: Sequence[PolicyStep], *, now: int, as_json: bool) -> None:
    """Print what a command changed, a client a line, and warnings on standard error."""
    for sentence in dict.fromkeys(sentence for each in steps for sentence in each.warnings):
        print_line(sentence, err=True)
    if as_json:
        print_items(
            {
                **_names(each.client),
                "changed": each.is_change,
                "password_grant": policy_metadata(each.after),
            }
            for each in steps
        )
        return
    for each in steps:
        words = summary(each.before, each.after, now) if each.is_change else "no change"
        print_line(f"{each.client.client_name} ({each.client.client_id}): {words}")
    print_line(f"{counted(sum(each.is_change for each in steps), 'client')} changed.")


def print_statuses(statuses: Sequence[PolicyStatus], *, as_json: bool) -> None:
    """Print policies and what they mean now."""
    if as_json:
        print_items(map(_status, statuses))
        return
    rows = [
        (
            each.client.client_id,
            each.client.client_name,
            each.client.owner or "",
            _STATES[each.closed],
            "" if each.ends_at is None else moment_text(each.ends_at),
            _brown_outs(each.client.password_grant),
            _rules(each.client.password_grant),
            _step_in_words(each.last_step),
        )
        for each in statuses
    ]
    print_table(("CLIENT ID", "NAME", "OWNER", "STATE", "ENDS", "BROWN-OUTS", "RULES", "LAST STEP"), rows)


def print_unused(unused: Sequence[UnusedClient], *, closed: bool, as_json: bool) -> None:
    """Print the clients that nobody uses.

    Args:
        unused: the clients.
        closed: whether they were closed, or would be.
        as_json: whether to print JSON.
    """
    if as_json:
        print_items(map(_unused, unused), closed=closed)
        return
    rows = [
        (
            each.client.client_id,
            each.client.client_name,
            each.client.owner or "",
            moment(each.last_used_at) or "never",
            str(each.failures),
        )
        for each in unused
    ]
    print_table(("CLIENT ID", "NAME", "OWNER", "LAST USED", "FAILED LOGINS SINCE"), rows)
    print_line(f"{counted(len(unused), 'client')} {'closed' if closed else 'would be closed'}.")


def _names(client: Client) -> dict[str, object]:
    return {"client_id": client.client_id, "client_name": client.client_name}


def _status(status: PolicyStatus) -> dict[str, object]:
    step = status.last_step
    return {
        **_names(status.client),
        "owner": status.client.owner,
        "state": status.closed.value if status.closed else "open",
        "ends_at": status.ends_at,
        "password_grant": policy_metadata(status.client.password_grant),
        "last_step": step and {"at": step.at, "actor": step.actor, "reason": step.actor_reason},
    }


def _unused(unused: UnusedClient) -> dict[str, object]:
    return {
        **_names(unused.client),
        "owner": unused.client.owner,
        "last_used_at": unused.last_used_at,
        "failures": unused.failures,
    }


def _brown_outs(policy: PasswordGrantPolicy) -> str:
    return ", ".join(f"{moment_text(start)}/{duration(end - start)}" for start, end in policy.brown_outs)


def _rules(policy: PasswordGrantPolicy) -> str:
    rules = ["closed to new people"] if policy.closed_to_new_people_at is not None else []
    if policy.app_passwords != PasswordGrantPolicy().app_passwords:
        rules.append(f"app passwords {policy.app_passwords}")
    return ", ".join(rules)


def _step_in_words(step: PasswordGrantStep | None) -> str:
    if step is None:
        return ""
    why = f": {step.actor_reason}" if step.actor_reason else ""
    return f"{moment(step.at)} {step.actor}{why}"
