"""The limits that are reached now, for the help desk, as the throttle would judge them without an attempt."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from directory import LockoutStatus
from login.limits.limits import Cause, Limit, Limits, Throttled
from login.limits.throttle import full_until
from login.lockout_protection import LockoutProtection
from login.ports import SIGN_IN_PAGE, FailureRecord, Threshold


@dataclass(frozen=True, slots=True)
class Block:
    """A limit that is reached, `until` in seconds since the epoch, if nothing more fails.

    By its cause it holds for one person, or for all people with a client, from an address, or at the server.
    `until` is None for the lockout protection: only the directory knows when that ends.
    """

    cause: Cause
    client_id: str | None
    until: int | None
    address: str | None = None


def blocks(limits: Limits, failures: Sequence[FailureRecord], now: int) -> list[Block]:
    """The limits that a person's failures have reached: in all, and with each client.

    Args:
        limits: how many failures are allowed.
        failures: the person's, newest first.
        now: seconds since the epoch.
    """
    clients = dict.fromkeys(each.client_id for each in failures)
    counts: dict[tuple[Cause, str | None], list[FailureRecord]] = {
        (Cause.PERSON, None): [each for each in failures if each.is_new_password],
        **{
            (Cause.PERSON_AND_CLIENT, client): [each for each in failures if each.client_id == client]
            for client in clients
        },
    }
    reached = []
    for (cause, client), counted in counts.items():
        until = _until(limits.person, counted, now)
        if until > now:
            reached.append(Block(cause, client, until))
    return reached


def wide_blocks(
    limits: Limits,
    clients: Iterable[str],
    addresses: Iterable[str],
    when: Callable[[Sequence[Threshold]], Sequence[int | None]],
    now: int,
) -> list[Block]:
    """The limits that all people's failures have reached: with these clients, from these addresses, in all.

    Args:
        limits: how many failures are allowed.
        clients: ids of the clients in question.
        addresses: networks in question.
        when: returns for each threshold the time of its n-th newest guess, or None where there are fewer.
        now: seconds since the epoch.
    """
    counts = [
        *((Cause.CLIENT, client, None, limits.client) for client in clients if client != SIGN_IN_PAGE),
        *((Cause.ADDRESS, None, address, limits.address) for address in addresses),
        (Cause.SERVER, None, None, limits.server),
    ]
    reached = []
    for cause, client, address, bounds in counts:
        # One query each, so that no SQL statement grows with the number of clients.
        times = when([Threshold(limit.amount, now - limit.seconds, client, address) for limit in bounds])
        ends = [at + limit.seconds for limit, at in zip(bounds, times, strict=True) if at is not None]
        if ends and max(ends) > now:
            reached.append(Block(cause, client, max(ends), address))
    return reached


def shield_blocks(
    budget: int, window: int, failures: Sequence[FailureRecord], lockout_status: LockoutStatus, now: int
) -> list[Block]:
    """The block by the lockout protection, if one more bind could be one of the last before a lock.

    Args:
        budget: failures of ours that may stand in the person's count; 0 for no protection.
        window: seconds for which ours count where the directory's count cannot be read.
        failures: the person's, newest first.
        lockout_status: how near the account is to being locked.
        now: seconds since the epoch.
    """
    protection = LockoutProtection(budget, window, sees_accounts=True)
    try:
        if protection.is_needed(failures, now):
            protection.judge(failures, lockout_status, now)
    except Throttled as throttled:
        return [Block(throttled.cause, None, None)]
    return []


def _until(limits: Sequence[Limit], counted: Sequence[FailureRecord], now: int) -> int:
    return max((full_until(limit, counted, now) for limit in limits), default=0)
