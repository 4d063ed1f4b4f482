"""Builds a guard from plain values."""

import time
from collections.abc import Callable, Collection

from login.attempt import Names
from login.counters import Counters
from login.guard import Guard
from login.limits import Limit, Limits
from login.ports import FailureStore
from login.rate import ClientRate
from login.throttle import Throttle
from login.turns import Turns
from telemetry import Log

# For who is not limited at all.
_MANY = 1_000_000


def open_guard(
    store: FailureStore,
    *,
    trouble: type[Exception],
    name_key: bytes,
    realms: Collection[str],
    limits: Limits,
    client_rate: tuple[Limit, ...],
    workers: int,
    log: Log,
    clock: Callable[[], float],
    monotonic: Callable[[], float] = time.monotonic,
) -> Guard:
    """Build a guard.

    Args:
        store: where failures are written down for all workers and nodes.
        trouble: what the store raises when it cannot read or write.
        name_key: for digests of login names.
        realms: what the directory takes off a login name.
        limits: how many failures are allowed.
        client_rate: how many logins of one client, in each worker.
        workers: how many processes share a limit until the first failure is written down.
        log: where it is told that failures cannot be counted.
        clock: seconds since the epoch.
        monotonic: seconds since any moment.
    """
    counters = Counters(store, trouble=trouble, clock=clock, monotonic=monotonic, log=log)
    allowed = min((limit.amount for limit in limits.person), default=_MANY)
    return Guard(
        names=Names(name_key, realms),
        rate=ClientRate(client_rate, monotonic=monotonic),
        counters=counters,
        throttle=Throttle(limits, counters, monotonic=monotonic),
        turns=Turns(max(1, allowed // workers), monotonic=monotonic),
    )
