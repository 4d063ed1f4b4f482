"""Who is over a limit now, for the help desk: as the throttle would judge it, without an attempt."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from directory import LockoutStatus
from login.limits.limits import Cause, Limit, Limits, Throttled
from login.limits.throttle import full_until
from login.lockout_protection import LockoutProtection
from login.ports import FailureRecord, Threshold


@dataclass(frozen=True, slots=True)
class Block:
    """What is over its limit; `until` in seconds since the epoch, if nothing more fails.

    By its cause it is one person's, or everybody's with the client, from the address or at the server. Of
    the shield the directory alone knows how long: `until` is None.
    """

    cause: Cause
    client_id: str | None
    until: int | None
    address: str | None = None


def blocks(limits: Limits, past: Sequence[FailureRecord], now: int) -> list[Block]:
    """The limits that a person's failures are over: by themselves, and with each client.

    Args:
        limits: how many failures are allowed.
        past: the person's failures, newest first.
        now: seconds since the epoch.
    """
    clients = dict.fromkeys(each.client_id for each in past)
    counts: dict[tuple[Cause, str | None], list[FailureRecord]] = {
        (Cause.PERSON, None): [each for each in past if each.is_new_password],
        **{
            (Cause.PERSON_AND_CLIENT, client): [each for each in past if each.client_id == client]
            for client in clients
        },
    }
    found = []
    for (cause, client), counted in counts.items():
        until = _until(limits.person, counted, now)
        if until > now:
            found.append(Block(cause, client, until))
    return found


def wide_blocks(
    limits: Limits,
    clients: Iterable[str],
    addresses: Iterable[str],
    when: Callable[[Sequence[Threshold]], Sequence[int | None]],
    now: int,
) -> list[Block]:
    """The limits that everybody's failures are over: with these clients, from these addresses, at all.

    Args:
        limits: how many failures are allowed.
        clients: ids of the clients to ask about.
        addresses: networks to ask about.
        when: says for each threshold when its n-th newest guess was, or None where there are fewer.
        now: seconds since the epoch.
    """
    asked = [
        *((Cause.CLIENT, client, None, limits.client) for client in clients),
        *((Cause.ADDRESS, None, address, limits.address) for address in addresses),
        (Cause.SERVER, None, None, limits.server),
    ]
    found = []
    for cause, client, address, bounds in asked:
        # One question at a time: however many there are, no statement grows with them.
        times = when([Threshold(limit.amount, now - limit.seconds, client, address) for limit in bounds])
        ends = [at + limit.seconds for limit, at in zip(bounds, times, strict=True) if at is not None]
        if ends and max(ends) > now:
            found.append(Block(cause, client, max(ends), address))
    return found


def shield_blocks(
    budget: int, window: int, past: Sequence[FailureRecord], lockout_status: LockoutStatus, now: int
) -> list[Block]:
    """The block of the shield, where one more try could be one of the last before a lock, or is not ours.

    Args:
        budget: failures of ours that may stand in the person's count; 0 for no shield.
        window: seconds over which ours count where the directory's count cannot be read.
        past: the person's failures, newest first.
        lockout_status: how near the account is to being locked.
        now: seconds since the epoch.
    """
    shield = LockoutProtection(budget, window, sees_accounts=True)
    try:
        if shield.is_needed(past, now):
            shield.judge(past, lockout_status, now, answers_repetitions=False)
    except Throttled as throttled:
        return [Block(throttled.cause, None, None)]
    return []


def _until(limits: Sequence[Limit], counted: Sequence[FailureRecord], now: int) -> int:
    return max((full_until(limit, counted, now) for limit in limits), default=0)
