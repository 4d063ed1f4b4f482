"""Builds a guard from plain values."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from login.attempt_key import Names
from login.concurrency.per_person import PerPersonConcurrency
from login.guard import Guard
from login.limits.client_rate import ClientRate
from login.limits.failure_counters import FailureCounters
from login.limits.limits import Limit, Limits
from login.limits.throttle import Throttle
from login.lockout_protection import LOOKBACK, LockoutProtection
from login.ports import FailureRecords, RefusedPasswordRecords
from login.refused_passwords import SECONDS, RefusedPasswordCache
from telemetry import Log

# For who is not limited at all.
_MANY = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardRules:
    """What a guard goes by.

    `limits` are on failures, `client_rate` on logins of one client in each worker. `shield_budget` failures
    may be added to a person's count in the directory (0: any number), over `shield_window` seconds where that
    cannot be read; `sees_accounts` is whether the directory shows accounts before it tries a password.
    `workers` processes share a limit until the first failure is written down. The directory takes `realms`
    off a login name.
    """

    limits: Limits
    client_rate: tuple[Limit, ...] = ()
    shield_budget: int = 0
    shield_window: int = 3600
    sees_accounts: bool = True
    workers: int = 1
    realms: tuple[str, ...] = ()

    @property
    def share(self) -> int:
        """How many logins of one person may be under way at once in a worker, with no failure before."""
        bounds = (self.shield_budget or _MANY, *(limit.amount for limit in self.limits.person))
        return max(1, min(bounds) // self.workers)


def open_guard(
    rules: GuardRules,
    store: FailureRecords,
    refused: RefusedPasswordRecords,
    *,
    trouble: type[Exception],
    keys: tuple[bytes, bytes],
    log: Log,
    clock: Callable[[], float],
    monotonic: Callable[[], float] = time.monotonic,
) -> Guard:
    """Build a guard.

    Args:
        rules: what it goes by.
        store: where failures are written down for all workers and nodes.
        refused: where refused passwords are remembered for all of them.
        trouble: what the stores raise when they cannot read or write.
        keys: one for digests of login names, one for those of refused passwords.
        log: where it is told that failures cannot be counted.
        clock: seconds since the epoch.
        monotonic: seconds since any moment.
    """
    counters = FailureCounters(store, trouble=trouble, clock=clock, monotonic=monotonic, log=log)
    budget = rules.shield_budget
    lookback = LOOKBACK if budget else SECONDS
    return Guard(
        names=Names(keys[0], rules.realms),
        rate=ClientRate(rules.client_rate, monotonic=monotonic),
        counters=counters,
        throttle=Throttle(rules.limits, counters, lookback=lookback, monotonic=monotonic),
        turns=PerPersonConcurrency(rules.share, monotonic=monotonic),
        shield=LockoutProtection(budget, rules.shield_window, sees_accounts=rules.sees_accounts),
        memory=RefusedPasswordCache(refused, keys[1], trouble=trouble, clock=clock, monotonic=monotonic),
    )
