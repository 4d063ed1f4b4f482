"""Were there too many failures before this attempt, or too many logins of its client?

Owns: applying the limits on failures, the narrowest first: one person with one client, the person, the
client, the address, the server. It also owns the caches that let most logins cost one query, and the rate of
a client's logins. Must not know: the directory, and where failures are stored.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from login.limits.failure_counters import FailureCounters
from login.limits.limits import Cause, Limit, Limits, Throttled
from login.ports import SIGN_IN_PAGE, AttemptKey, FailureRecord, Threshold

# Seconds for which a shared count under its limit is cached. A failure in this process ends that at once, so
# that another worker lets no more than its attempts under way pass.
_UNDER_SECONDS = 60.0
# Seconds for which a shared count over its limit is cached, though an operator may have cleared it.
_OVER_SECONDS = 10.0
# From this limit on a few more failures do not matter, while counting them takes milliseconds.
_LARGE_AMOUNT = 1000
_LARGE_SECONDS = 1.0
_MAX_CACHED_COUNTS = 10_000
_MAX_CACHED_KEYS = 1000
# Beyond this many the oldest name is dropped. Its next login past a limit costs one search, and no bind.
_MAX_NAMES = 10_000
_MAX_CLIENT_RATES = 10_000


class _SharedCount(NamedTuple):
    """A count that many people share: of a client, an address, or the server."""

    cause: Cause
    key: str


class Throttle:
    """Applies the limits to attempts."""

    def __init__(
        self, limits: Limits, counters: FailureCounters, *, lookback: int = 0, monotonic: Callable[[], float]
    ) -> None:
        """Take the limits.

        Args:
            limits: how many failures are allowed.
            counters: read the failures.
            lookback: seconds over which a person's failures are read, if no limit needs more.
            monotonic: seconds since any moment.
        """
        self._limits = limits
        self._counters = counters
        self._lookback = max(lookback, limits.longest)
        self._monotonic = monotonic
        # Until when each count is cached; for one over its limit, also until when that lasts.
        self._under: dict[_SharedCount, float] = {}
        self._over: dict[_SharedCount, tuple[int, float]] = {}
        # Counts that have grown in this process since they were read.
        self._grown: dict[_SharedCount, None] = {}
        self._shared: dict[tuple[str, str], Sequence[tuple[_SharedCount, tuple[Limit, ...]]]] = {}

    def refuse_known(self, key: AttemptKey) -> None:
        """Refuse what this process has cached as over a limit. It costs no query.

        Args:
            key: what the attempt is counted by.

        Raises:
            Throttled: a limit is reached.
        """
        if not self._over:
            return
        now = self._counters.now()
        for count, _ in self._shared_counts(key):
            until, cached_until = self._over.get(count, (0, 0.0))
            if until > now and cached_until > self._monotonic():
                raise Throttled(count.cause, until - now)

    def must_recheck(self, key: AttemptKey) -> bool:
        """Whether a shared count of the attempt has grown in this process since it was last read.

        Args:
            key: what the attempt is counted by.
        """
        if not self._grown:
            return False
        now = self._monotonic()
        return any(
            count in self._grown and self._under.get(count, 0.0) <= now
            for count, _ in self._shared_counts(key)
        )

    def check(
        self, key: AttemptKey, subject: str | None, *, own: int | None = None
    ) -> Sequence[FailureRecord]:
        """Read the failures that an attempt is limited by, and refuse it if there were too many.

        A right login costs one SQL statement. It costs a second one only where the counts of its client, its
        address or the server were not read for a minute.

        Args:
            key: what the attempt is counted by.
            subject: the person's stable id, where it is known.
            own: number of the attempt's own record, which does not count.

        Returns:
            The person's failures, newest first.

        Raises:
            Throttled: there were too many.
        """
        now, moment = self._counters.now(), self._monotonic()
        shared = [each for each in self._shared_counts(key) if self._under.get(each[0], 0.0) <= moment]
        thresholds = [_threshold(count, limit, now) for count, limits in shared for limit in limits]
        since = now - self._lookback
        failures, answers = self._counters.look(key.name, subject, since, thresholds)
        if failures:
            failures = [each for each in failures if each.id != own]
            self._judge_person(key, failures, now)
        answered = iter(answers)
        for count, limits in shared:
            self._judge_shared(count, [(limit, next(answered)) for limit in limits], now)
        return failures

    def failed(self, key: AttemptKey) -> None:
        """Drop the cached counts of an attempt that failed; where many failures are allowed, in a second.

        Args:
            key: what the attempt is counted by.
        """
        for count, limits in self._shared_counts(key):
            self._note_growth(count)
            cached_until = self._under.pop(count, None)
            if cached_until is not None and min(limit.amount for limit in limits) >= _LARGE_AMOUNT:
                self._under[count] = min(cached_until, self._monotonic() + _LARGE_SECONDS)

    def _judge_person(self, key: AttemptKey, failures: Sequence[FailureRecord], now: int) -> None:
        with_client = [each for each in failures if each.client_id == key.client_id]
        # A forgotten program that repeats one password reaches the first limit; its owner's other programs
        # go on.
        for cause, counted in (
            (Cause.PERSON_AND_CLIENT, with_client),
            (Cause.PERSON, [each for each in failures if each.is_new_password]),
        ):
            until = max((full_until(limit, counted, now) for limit in self._limits.person), default=0)
            if until > now:
                raise Throttled(cause, until - now)

    def _judge_shared(
        self, count: _SharedCount, answers: Iterable[tuple[Limit, int | None]], now: int
    ) -> None:
        until = max((0 if at is None else at + limit.seconds for limit, at in answers), default=0)
        if until > now:
            _make_room(self._over)
            self._over[count] = (until, self._monotonic() + _OVER_SECONDS)
            self._note_growth(count)
            raise Throttled(count.cause, until - now)
        _make_room(self._under)
        self._under[count] = self._monotonic() + _UNDER_SECONDS
        self._grown.pop(count, None)

    def _note_growth(self, count: _SharedCount) -> None:
        _make_room(self._grown)
        self._grown[count] = None

    def _shared_counts(self, key: AttemptKey) -> Sequence[tuple[_SharedCount, tuple[Limit, ...]]]:
        """The limited shared counts of an attempt, from a cache: clients, and mostly addresses, are few."""
        where = key.client_id, key.address
        found = self._shared.get(where)
        if found is None:
            _make_room(self._shared, _MAX_CACHED_KEYS)
            limits = self._limits
            found = self._shared[where] = tuple(
                each
                for each in (
                    # Attempts on the sign-in page are not a client's: they close it for no one else.
                    (
                        _SharedCount(Cause.CLIENT, key.client_id),
                        () if key.client_id == SIGN_IN_PAGE else limits.client,
                    ),
                    (_SharedCount(Cause.ADDRESS, key.address), limits.address),
                    (_SharedCount(Cause.SERVER, ""), limits.server),
                )
                if each[1]
            )
        return found


class RecentFailures:
    """The login names that recently failed or were over a limit in this process, with their persons.

    Only these have their failures read before the directory is asked. For all others one query is enough,
    after the directory has found the person.
    """

    def __init__(self) -> None:
        """Begin with no names."""
        self._subjects: OrderedDict[bytes, str | None] = OrderedDict()
        self._lock = threading.Lock()

    def __contains__(self, name: bytes) -> bool:
        return name in self._subjects

    def subject_of(self, name: bytes) -> str | None:
        """The stable id of the person that a name last led to, if that is known.

        Args:
            name: digest of the login name.
        """
        return self._subjects.get(name)

    def add(self, name: bytes, subject: str | None) -> None:
        """Remember a name.

        Args:
            name: digest of the login name.
            subject: stable id of the person; None where it is not known.
        """
        with self._lock:
            self._subjects[name] = subject
            self._subjects.move_to_end(name)
            if len(self._subjects) > _MAX_NAMES:
                self._subjects.popitem(last=False)


class ClientRate:
    """Limits the logins of one client in this process, failed or not, in fixed windows. Off unless set.

    It bounds load, not guesses: a count in the database would be load itself.
    """

    def __init__(self, limits: Sequence[Limit], *, monotonic: Callable[[], float]) -> None:
        """Begin with no counts.

        Args:
            limits: all of them apply; empty for no limit.
            monotonic: seconds since any moment.
        """
        self._limits = limits
        self._monotonic = monotonic
        self._counts: dict[tuple[str, int], tuple[int, int]] = {}
        self._lock = threading.Lock()

    def take(self, client_id: str) -> None:
        """Count one login.

        Raises:
            Throttled: there were too many.
        """
        if not self._limits:
            return
        now = self._monotonic()
        for limit in self._limits:
            window = int(now // limit.seconds)
            with self._lock:
                if len(self._counts) > _MAX_CLIENT_RATES:
                    self._counts.clear()
                then, count = self._counts.get((client_id, limit.seconds), (window, 0))
                count = count + 1 if then == window else 1
                self._counts[client_id, limit.seconds] = (window, count)
            if count > limit.amount:
                raise Throttled(Cause.CLIENT_RATE, (window + 1) * limit.seconds - now)


def full_until(limit: Limit, counted: Sequence[FailureRecord], now: int) -> int:
    """When a limit that is reached ends, in seconds since the epoch; 0 if it is not reached.

    Args:
        limit: the limit.
        counted: the failures that it counts, newest first.
        now: seconds since the epoch.
    """
    window = [
        each.at for each in counted if each.at > now - limit.seconds and not (limit.is_short and each.cleared)
    ]
    return window[limit.amount - 1] + limit.seconds if len(window) >= limit.amount else 0


def _threshold(count: _SharedCount, limit: Limit, now: int) -> Threshold:
    return Threshold(
        nth=limit.amount,
        since=now - limit.seconds,
        client_id=count.key if count.cause is Cause.CLIENT else None,
        address=count.key if count.cause is Cause.ADDRESS else None,
    )


def _make_room(cache: dict[Any, Any], most: int = _MAX_CACHED_COUNTS) -> None:
    if len(cache) >= most:
        cache.clear()
