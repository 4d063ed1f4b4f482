"""Closing the password grant for clients that do not use it."""

from collections.abc import Sequence
from dataclasses import dataclass

from admin.operation import OperationRefused, Services
from admin.password_grant.policies import PolicyStep, apply_steps, clients_with_grant
from admin.password_grant.policy_change import PolicyChange, changed_policy
from models import Client, ClientUsage, last_uses, usage_of
from telemetry import Actor

_DAY = 86_400
# Usage is kept for three years.
_DAYS_KEPT = 3 * 366


class TooFewDays(OperationRefused):
    """The number of days is not positive."""

    def __init__(self) -> None:
        super().__init__("A client is unused after 1 day at least.")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusedClient:
    """A client that nobody has used with the password grant for a while. Times are seconds since the epoch.

    `last_used_at` is its last login or refresh that is known; None if there is none. `failures` are its
    refused logins since then: a program may be running whose password is wrong.
    """

    client: Client
    last_used_at: int | None
    failures: int


def unused_clients(services: Services, days: int) -> Sequence[UnusedClient]:
    """The clients with the password grant, not off yet, that nobody has used it with.

    A login with a password of either kind is a use, and so is a refresh of the tokens that it gave. A client
    that was registered later than that many days ago is too new to be unused.

    Args:
        services: what the use case works on.
        days: how many days without a use make a client unused.

    Raises:
        TooFewDays: `days` is not positive.
        StoreUnavailable: the database did not answer.
    """
    if days < 1:
        raise TooFewDays
    now = services.now
    since = now - days * _DAY
    recent = last_uses(since)
    candidates = [
        each
        for each in clients_with_grant(services)
        if each.password_grant.off_at is None and each.created_at < since and each.client_id not in recent
    ]
    usage = _by_client(usage_of(now // _DAY - _DAYS_KEPT, now // _DAY + 1)) if candidates else {}
    unused = [_unused(each, usage.get(each.client_id, ())) for each in candidates]
    # The purge may have deleted the audit rows of these days, if the operator keeps few.
    return [each for each in unused if each.last_used_at is None or each.last_used_at < since]


def close_unused(services: Services, unused: Sequence[UnusedClient], *, actor: Actor) -> Sequence[PolicyStep]:
    """Turn the password grant off for clients, all of them or none. `undo_last_batch` undoes it.

    Args:
        services: what the use case works on.
        unused: from `unused_clients`.
        actor: who closes it, for the audit.

    Raises:
        ChangedMeanwhile: another operator was faster.
        StoreUnavailable: nothing was changed.
    """
    steps = [
        PolicyStep(
            client=each.client,
            before=each.client.password_grant,
            after=changed_policy(each.client.password_grant, PolicyChange(off=True), services.now),
        )
        for each in unused
    ]
    return apply_steps(services, steps, actor=actor)


def _by_client(rows: Sequence[ClientUsage]) -> dict[str, list[ClientUsage]]:
    by_client: dict[str, list[ClientUsage]] = {}
    for row in rows:
        by_client.setdefault(row.client_id, []).append(row)
    return by_client


def _unused(client: Client, rows: Sequence[ClientUsage]) -> UnusedClient:
    last_used_at = max((each.last_at for each in rows if each.last_at is not None), default=None)
    return UnusedClient(
        client=client,
        last_used_at=last_used_at,
        failures=sum(each.failures for each in rows if each.day >= (last_used_at or 0) // _DAY),
    )
