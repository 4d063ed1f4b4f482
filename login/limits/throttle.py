"""Were there too many failures before this attempt?

Owns: the limits, the narrowest first: one person with one client, the person, the client, the address, the
server. Must not know: the directory, and where failures are kept.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from login.attempt_key import AttemptKey
from login.limits.failure_counters import FailureCounters
from login.limits.limits import Limit, Limits
from login.limits.throttled import Cause, Throttled
from login.ports import FailureRecord, Threshold

# Seconds for which a count that is under its limit is believed; a failure of our own has it counted anew at
# once, so that each other worker lets at most what is under way pass.
_OPEN_SECONDS = 60.0
# Seconds for which one that is over its limit is believed, though an operator may have emptied it.
_SHUT_SECONDS = 10.0
# Of as many failures a few more do not matter, and to count them takes milliseconds.
_LARGE = 1000
_LARGE_SECONDS = 1.0
_MOST = 10_000
_FEW = 1000


class _Wide(NamedTuple):
    """A count that is not a person's."""

    cause: Cause
    key: str


class Throttle:
    """Holds attempts to the limits."""

    def __init__(
        self, limits: Limits, counters: FailureCounters, *, lookback: int = 0, monotonic: Callable[[], float]
    ) -> None:
        """Take the limits.

        Args:
            limits: how many failures are allowed.
            counters: where they are counted.
            lookback: seconds over which a person's failures are told, if the limits want no longer.
            monotonic: seconds since any moment.
        """
        self._limits = limits
        self._counters = counters
        self._lookback = max(lookback, limits.longest)
        self._monotonic = monotonic
        self._open: dict[_Wide, float] = {}
        self._shut: dict[_Wide, tuple[int, float]] = {}
        self._doubted: dict[_Wide, None] = {}
        self._wides: dict[tuple[str, str], Sequence[tuple[_Wide, tuple[Limit, ...]]]] = {}

    def refuse_known(self, attempt: AttemptKey) -> None:
        """Refuse what this process knows to be over a limit: it costs neither a read nor a write.

        Raises:
            Throttled: it is.
        """
        if not self._shut:
            return
        now = self._counters.now()
        for wide, _ in self._wide(attempt):
            until, believed_until = self._shut.get(wide, (0, 0.0))
            if until > now and believed_until > self._monotonic():
                raise Throttled(wide.cause, until - now)

    def doubts(self, attempt: AttemptKey) -> bool:
        """Whether a count that is not a person's has grown in this process since it was last looked at.

        Args:
            attempt: the attempt.
        """
        if not self._doubted:
            return False
        now = self._monotonic()
        return any(
            wide in self._doubted and self._open.get(wide, 0.0) <= now for wide, _ in self._wide(attempt)
        )

    def look(
        self, attempt: AttemptKey, subject: str | None, *, own: int | None = None
    ) -> Sequence[FailureRecord]:
        """Read what is counted about an attempt, and refuse it where that is too much.

        A right login costs one statement of the database, and a second one only where the counts of its
        client, its address or the server have not been looked at for a minute.

        Args:
            attempt: the attempt.
            subject: the person's stable id, where it is known.
            own: number of the attempt's own record, which does not count.

        Returns:
            The person's failures, newest first.

        Raises:
            Throttled: there were too many.
        """
        now, moment = self._counters.now(), self._monotonic()
        wides = [each for each in self._wide(attempt) if self._open.get(each[0], 0.0) <= moment]
        thresholds = [_threshold(wide, limit, now) for wide, limits in wides for limit in limits]
        since = now - self._lookback
        past, answers = self._counters.look(attempt.name, subject, since, thresholds)
        if past:
            past = [each for each in past if each.id != own]
            self._judge_person(attempt, past, now)
        answered = iter(answers)
        for wide, limits in wides:
            self._judge(wide, [(limit, next(answered)) for limit in limits], now)
        return past

    def failed(self, attempt: AttemptKey) -> None:
        """Count anew at the next attempt: there was a failure. Where many are allowed, after a second."""
        for wide, limits in self._wide(attempt):
            self._doubt(wide)
            believed_until = self._open.pop(wide, None)
            if believed_until is not None and min(limit.amount for limit in limits) >= _LARGE:
                self._open[wide] = min(believed_until, self._monotonic() + _LARGE_SECONDS)

    def _judge_person(self, attempt: AttemptKey, past: Sequence[FailureRecord], now: int) -> None:
        with_client = [each for each in past if each.client_id == attempt.client_id]
        # A forgotten program that repeats one password meets the first bound, and its owner's others do not.
        for cause, counted in (
            (Cause.PERSON_AND_CLIENT, with_client),
            (Cause.PERSON, [each for each in past if each.guess]),
        ):
            until = max((full_until(limit, counted, now) for limit in self._limits.person), default=0)
            if until > now:
                raise Throttled(cause, until - now)

    def _judge(self, wide: _Wide, answers: Iterable[tuple[Limit, int | None]], now: int) -> None:
        until = max((0 if at is None else at + limit.seconds for limit, at in answers), default=0)
        if until > now:
            _make_room(self._shut)
            self._shut[wide] = (until, self._monotonic() + _SHUT_SECONDS)
            self._doubt(wide)
            raise Throttled(wide.cause, until - now)
        _make_room(self._open)
        self._open[wide] = self._monotonic() + _OPEN_SECONDS
        self._doubted.pop(wide, None)

    def _doubt(self, wide: _Wide) -> None:
        _make_room(self._doubted)
        self._doubted[wide] = None

    def _wide(self, attempt: AttemptKey) -> Sequence[tuple[_Wide, tuple[Limit, ...]]]:
        """The counts of an attempt that are limited. They are few clients', and for most few addresses'."""
        where = attempt.client_id, attempt.address
        found = self._wides.get(where)
        if found is None:
            _make_room(self._wides, _FEW)
            limits = self._limits
            found = self._wides[where] = tuple(
                each
                for each in (
                    (_Wide(Cause.CLIENT, attempt.client_id), limits.client),
                    (_Wide(Cause.ADDRESS, attempt.address), limits.address),
                    (_Wide(Cause.SERVER, ""), limits.server),
                )
                if each[1]
            )
        return found


def full_until(limit: Limit, counted: Sequence[FailureRecord], now: int) -> int:
    """When the newest failures are few enough again: in seconds since the epoch; 0 if they are."""
    window = [
        each.at for each in counted if each.at > now - limit.seconds and not (limit.is_short and each.cleared)
    ]
    return window[limit.amount - 1] + limit.seconds if len(window) >= limit.amount else 0


def _threshold(wide: _Wide, limit: Limit, now: int) -> Threshold:
    return Threshold(
        nth=limit.amount,
        since=now - limit.seconds,
        client_id=wide.key if wide.cause is Cause.CLIENT else None,
        address=wide.key if wide.cause is Cause.ADDRESS else None,
    )


def _make_room(known: dict[Any, Any], most: int = _MOST) -> None:
    if len(known) >= most:
        known.clear()
