"""A floor on the time of refusals: it must not reveal which names exist, nor whether a bind was made.

Owns: that a refusal without a bind takes as long as one with a bind, and a bind as long as a search on two
servers. No dummy bind is made: it would lock decoy accounts, and alarm the operators of the directory.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from directory import DirectoryUnavailable, InvalidCredentials, Refusal
from login.concurrency import PermitTimeout
from login.limits.limits import Throttled

# Longest delay of a refusal in seconds: it holds a thread.
_MAX_DELAY = 0.1
# Seconds after an outage without delays, so that no delay holds a thread.
_DEGRADED_SECONDS = 30.0
# Keeps the last 100 refused binds; the floor is their 95th percentile.
_KEPT_TIMES = 100
_PERCENTILE = 0.95
# Accepted binds that set the floor before the first refused one.
_MAX_ACCEPTED_TIMES = 10


@dataclass(slots=True)
class _Times:
    """Seconds that the newest binds, and searches on two servers, took; and the floor that follows."""

    refused: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT_TIMES))
    accepted: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT_TIMES))
    unknown: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT_TIMES))
    floor: float = 0.0


class ResponseTimeFloor:
    """Delays refusals until they have taken as long as a refused bind, measured in this process."""

    def __init__(
        self, *, at_once: int, monotonic: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        """Begin without measurements.

        Args:
            at_once: refusals that may be delayed at once; each holds a thread.
            monotonic: seconds since any moment.
            sleep: waits for a number of seconds.
        """
        self._monotonic = monotonic
        self._sleep = sleep
        self._delays = threading.Semaphore(at_once)
        # Groups are searched before the bind: logins that want groups take longer.
        self._times = {False: _Times(), True: _Times()}
        self._degraded_until = float("-inf")

    def timing(self, *, groups: bool = False) -> "Timing":
        """Time a login in a `with` block; a refusal is delayed when it leaves the block.

        Args:
            groups: whether the person's groups are wanted.
        """
        return Timing(self, self._monotonic, groups=groups)

    def refusing(self, *, groups: bool = False) -> "Timing":
        """Time a login without a bind in a `with` block. A refusal is delayed; a success sets no floor.

        Args:
            groups: whether the person's groups are wanted.
        """
        timing = Timing(self, self._monotonic, groups=groups)
        timing.has_asked, timing.has_bound = True, False
        return timing

    def accepted(self, timing: "Timing") -> None:
        """Delay nothing. Before the first refused bind, accepted binds set the floor."""
        if not timing.has_bound:
            return
        times = self._times[timing.groups]
        if len(times.accepted) < _MAX_ACCEPTED_TIMES and not times.refused:
            _note(times, times.accepted, timing.seconds)

    def failed(self, timing: "Timing", error: BaseException | None) -> None:
        """Delay a refusal, and measure the directory's answers."""
        if isinstance(error, InvalidCredentials):
            if error.server is not None and error.reason is Refusal.WRONG_PASSWORD:
                times = self._times[timing.groups]
                _note(times, times.refused, timing.seconds)
            elif error.reason is Refusal.UNKNOWN_PERSON and len(error.servers) > 1:
                # A search on two servers may take longer than a search and a bind.
                times = self._times[timing.groups]
                _note(times, times.unknown, timing.seconds)
            self._delay(timing)
        elif not timing.has_asked:
            # Before the directory is asked, the time reveals nothing.
            return
        elif isinstance(error, Throttled):
            self._delay(timing)
        elif isinstance(error, DirectoryUnavailable) and not isinstance(error, PermitTimeout):
            self._degraded_until = self._monotonic() + _DEGRADED_SECONDS

    def _delay(self, timing: "Timing") -> None:
        left = self._times[timing.groups].floor - timing.seconds
        is_degraded = self._monotonic() < self._degraded_until
        if left <= 0 or is_degraded or not self._delays.acquire(blocking=False):
            return
        try:
            self._sleep(left)
        finally:
            self._delays.release()


class Timing:
    """The time of one login, as a context manager. The login sets `has_asked` when it asks the directory.

    `has_bound` is false for a login that never binds, whose time says nothing about binds.
    """

    def __init__(self, floor: ResponseTimeFloor, monotonic: Callable[[], float], *, groups: bool) -> None:
        self._floor = floor
        self._monotonic = monotonic
        self.groups = groups
        self.has_asked = False
        self.has_bound = True

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if kind is None:
            self._floor.accepted(self)
        else:
            self._floor.failed(self, error)

    def begin(self) -> None:
        """Start the measurement again: the login has its slot."""
        self._began = self._monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the login began."""
        return self._monotonic() - self._began


def _note(times: _Times, newest: deque[float], seconds: float) -> None:
    newest.append(seconds)
    percentile = max(_percentile(times.refused or times.accepted), _percentile(times.unknown))
    times.floor = min(_MAX_DELAY, percentile)


def _percentile(seconds: deque[float]) -> float:
    ordered = sorted(seconds)
    return ordered[int(_PERCENTILE * (len(ordered) - 1) + 0.5)] if ordered else 0.0
