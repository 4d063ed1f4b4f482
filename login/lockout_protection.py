"""How many of the failures in a person's count in the directory may come from this server.

Owns: that guesses through this server lock no account. VPN and Wi-Fi add to the same count. Must not know:
how the directory counts, and where our failures are stored.
"""

from collections.abc import Sequence
from typing import NamedTuple

from directory import LockoutStatus
from login.limits.limits import Cause, Throttled
from login.ports import FailureRecord

LOOKBACK = 86_400
"""Seconds for which one of our binds may still stand in the directory's count, where that can be read."""

# Seconds. Only the directory knows when its count ends; every name gets the same answer.
_RETRY_AFTER = 900
# Seconds after which an attempt whose outcome was never recorded counts as a failure.
_OVERDUE = 60
# Binds before the lock that are left to other services; the last one locks.
_RESERVED_BINDS = 1


class _Behaviour(NamedTuple):
    """How the directory was seen to count. Unknown names get the same limits as a person's would."""

    readable: bool
    counts: bool
    limit: int | None


# Before the first account was seen: the behaviour of most directories that lock accounts.
_UNSEEN = _Behaviour(readable=False, counts=True, limit=None)


class LockoutProtection:
    """Adds at most `budget` failures to any person's count in the directory."""

    def __init__(self, budget: int, window: int, *, sees_accounts: bool) -> None:
        """Take the operator's settings.

        Args:
            budget: failures of ours that may stand in a person's count; 0 switches the protection off.
            window: seconds for which a failure of ours counts where the directory's count cannot be read.
            sees_accounts: whether the directory shows accounts before a password is tried.
        """
        self.sees_accounts = sees_accounts
        self._budget = budget
        self._window = window
        self._behaviour: _Behaviour | None = None
        # None until an account was seen.
        self._shows_changes: bool | None = None

    def is_needed(self, failures: Sequence[FailureRecord], now: int) -> bool:
        """Whether a bind of ours may stand in the person's count, so that reading the count is worth it.

        Args:
            failures: the person's.
            now: seconds since the epoch.
        """
        return bool(self._budget) and bool(_binds(failures, now - LOOKBACK))

    def judge(
        self,
        failures: Sequence[FailureRecord],
        lockout_status: LockoutStatus,
        now: int,
        *,
        is_repeated: bool = False,
    ) -> None:
        """Refuse an attempt that could be one of the last before a lock, or is beyond the budget.

        Args:
            failures: the person's failures and attempts under way, without this one.
            lockout_status: how near the account is to being locked.
            now: seconds since the epoch.
            is_repeated: whether the same password was refused before. It leaves one bind to other passwords,
                so that a forgotten program does not block its owner's other programs.

        Raises:
            Throttled: it is.
        """
        binds = _binds(failures, now - LOOKBACK)
        counted = lockout_status.failures
        self._note_behaviour(lockout_status)
        self._judge(failures, binds, counted, lockout_status.limit, now, is_repeated=is_repeated)

    def judge_unknown(self, failures: Sequence[FailureRecord], now: int, *, is_repeated: bool) -> None:
        """Refuse a name without an account when a person's would be refused, so that both answer alike.

        Args:
            failures: under the name, without this attempt.
            now: seconds since the epoch.
            is_repeated: whether the same password was refused before.

        Raises:
            Throttled: a person's attempt would be.
        """
        behaviour = self._behaviour or _UNSEEN
        if not self._budget:
            return
        binds = _binds(failures, now - self._window)
        counted = (len(binds) if behaviour.counts else 0) if behaviour.readable else None
        self._judge(failures, binds, counted, behaviour.limit, now, is_repeated=is_repeated)

    def note_fingerprint(self, *, is_shown: bool) -> None:
        """Note whether an account shows when its password changed.

        One account that shows it decides for all names. Anybody can have an account of their own that hides
        it for a while, by a lock or by a new password, and must not learn from that which names exist.

        Args:
            is_shown: whether the account has a fingerprint.
        """
        self._shows_changes = is_shown or bool(self._shows_changes)

    @property
    def answers_repetitions(self) -> bool:
        """Whether the directory was seen to show when a password changed, or no account was seen yet."""
        return self._shows_changes is not False

    def _note_behaviour(self, lockout_status: LockoutStatus) -> None:
        """Note how the directory counts. One count above 0 is enough: a login elsewhere resets the count."""
        before, counted = self._behaviour, lockout_status.failures
        counts = bool(counted) or (before is not None and before.counts)
        self._behaviour = _Behaviour(counted is not None, counts, lockout_status.limit)

    def _judge(
        self,
        failures: Sequence[FailureRecord],
        binds: Sequence[FailureRecord],
        counted: int | None,
        limit: int | None,
        now: int,
        *,
        is_repeated: bool,
    ) -> None:
        if limit == 0 or not binds:
            return
        left_to_others = 1 if is_repeated else 0
        under_way = sum(each.pending and each.at > now - _OVERDUE for each in binds)
        over = len(binds) - under_way
        if counted is None:
            over = len(_binds(failures, now - self._window)) - under_way
        else:
            # Failures that the directory has expired no longer count against the budget.
            over = min(over, counted)
            if limit is not None and limit - counted - under_way <= _RESERVED_BINDS + left_to_others:
                raise Throttled(Cause.SHIELD, _RETRY_AFTER)
        if over + under_way >= self._budget - left_to_others:
            raise Throttled(Cause.SHIELD, _RETRY_AFTER)


def _binds(failures: Sequence[FailureRecord], since: int) -> list[FailureRecord]:
    return [each for each in failures if each.tried and not each.cleared and each.at > since]
