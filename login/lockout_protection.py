"""How much of a person's count in the directory may be ours.

Owns: that nobody is locked out by guesses that come through us. A VPN and a Wi-Fi feed the same count. Must
not know: how the directory counts, and where our failures are kept.
"""

from collections.abc import Sequence
from typing import NamedTuple

from directory import LockoutStatus
from login.limits.throttled import Cause, Throttled
from login.ports import FailureRecord

LOOKBACK = 86_400
"""Seconds over which a try of ours may still stand in the directory's count, where that can be read."""

# Seconds. The directory alone knows when its count ends; whoever asks is told the same for every name.
_RETRY_AFTER = 900
# Seconds after which a try whose outcome was never written down is taken for a failure.
_OVERDUE = 60
# Of the directory's tries, those that are left for others: the last one locks.
_LEFT_ALONE = 1


class _Manner(NamedTuple):
    """What was seen of how the directory counts: which names that nobody has must be held to as well."""

    readable: bool
    counts: bool
    limit: int | None
    remembers: bool


# Until this process has seen how the directory counts: as most do, who lock people out.
_UNSEEN = _Manner(readable=False, counts=True, limit=None, remembers=True)


class LockoutProtection:
    """Adds at most `budget` failures to anybody's count in the directory."""

    def __init__(self, budget: int, window: int, *, sees_accounts: bool) -> None:
        """Take what the operator allows.

        Args:
            budget: failures of ours that may stand in a person's count; 0 switches the shield off.
            window: seconds over which ours count where the directory's count cannot be read.
            sees_accounts: whether accounts are shown before a password is tried; else none is ever read.
        """
        self.sees_accounts = sees_accounts
        self._budget = budget
        self._window = window
        self._manner: _Manner | None = None

    def is_needed(self, past: Sequence[FailureRecord], now: int) -> bool:
        """Whether a try of ours may stand in the person's count already: then it is worth a question."""
        return bool(self._budget) and bool(_tries(past, now - LOOKBACK))

    def judge(
        self, past: Sequence[FailureRecord], lockout_status: LockoutStatus, now: int, *, remembers: bool
    ) -> None:
        """Refuse a try that could be one of the last, or beyond the budget.

        Args:
            past: the person's failures and tries under way, without this one.
            lockout_status: how near the account is to being locked.
            now: seconds since the epoch.
            remembers: whether the account shows a state by which repetitions are known.

        Raises:
            Throttled: it could.
        """
        tries = _tries(past, now - LOOKBACK)
        failures = lockout_status.failures
        counts = failures is not None and failures > 0
        self._manner = _Manner(failures is not None, counts, lockout_status.limit, remembers)
        self._judge(past, tries, failures, lockout_status.limit, now)

    def judge_nobody(self, past: Sequence[FailureRecord], now: int, *, repeated: bool) -> None:
        """Refuse a name that no account was shown for when a person's would be: the answer must be the same.

        Args:
            past: the failures under the name, without this one.
            now: seconds since the epoch.
            repeated: whether the password was refused before.

        Raises:
            Throttled: a person's would be.
        """
        manner = self._manner or _UNSEEN
        if not self._budget or (repeated and manner.remembers):
            return
        tries = _tries(past, now - self._window)
        failures = (len(tries) if manner.counts else 0) if manner.readable else None
        self._judge(past, tries, failures, manner.limit, now)

    @property
    def remembers(self) -> bool:
        """Whether repetitions are answered without a bind, as far as was seen."""
        return self._manner is not None and self._manner.remembers

    def _judge(
        self,
        past: Sequence[FailureRecord],
        tries: Sequence[FailureRecord],
        failures: int | None,
        limit: int | None,
        now: int,
    ) -> None:
        if limit == 0 or not tries:
            return
        under_way = sum(each.pending and each.at > now - _OVERDUE for each in tries)
        over = len(tries) - under_way
        if failures is None:
            over = len(_tries(past, now - self._window)) - under_way
        else:
            # What the directory has forgotten is ours to add again.
            over = min(over, failures)
            if limit is not None and limit - failures - under_way <= _LEFT_ALONE:
                raise Throttled(Cause.SHIELD, _RETRY_AFTER)
        if over + under_way >= self._budget:
            raise Throttled(Cause.SHIELD, _RETRY_AFTER)


def _tries(past: Sequence[FailureRecord], since: int) -> list[FailureRecord]:
    return [each for each in past if each.tried and not each.cleared and each.at > since]
