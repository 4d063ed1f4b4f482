"""A floor on the time of refusals: who was found, and what was tried, must not show in how long it took.

Owns: that a refusal without a bind takes as long as one with a bind, and the other way round where a name is
searched on two servers. Nothing is bound for show: that would lock decoys, and alarm whoever watches the
directory.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from directory import DirectoryUnavailable, InvalidCredentials, Refusal
from login.concurrency.per_person import PermitTimeout
from login.limits.throttled import Throttled

# Seconds that a refusal is held back at most: it holds a thread.
_MOST = 0.1
# Seconds after an outage for which nobody is held back: threads are worth more then.
_DEGRADED = 30.0
# Of the newest refused binds: so many, and the part of them that the floor is no shorter than.
_KEPT = 100
_PART = 0.95
# Accepted binds that are looked at until then.
_FEW = 10


@dataclass(slots=True)
class _Times:
    """How long the newest binds, and searches on two servers, took, and the floor that follows."""

    refused: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))
    accepted: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))
    unknown: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))
    floor: float = 0.0


class ResponseTimeFloor:
    """Holds refusals back for as long as a refused bind takes, by the newest of this process."""

    def __init__(
        self, *, at_once: int, monotonic: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        """Know of no bind yet.

        Args:
            at_once: how many refusals may be held back at once; each holds a thread.
            monotonic: seconds since any moment.
            sleep: waits for so many seconds.
        """
        self._monotonic = monotonic
        self._sleep = sleep
        self._room = threading.Semaphore(at_once)
        # Searches for groups come before the bind: logins that want groups take longer.
        self._times = {False: _Times(), True: _Times()}
        self._degraded_until = float("-inf")

    def under(self, *, groups: bool = False) -> "Timing":
        """Hold back what is refused inside of a `with` block, once it has left the block.

        Args:
            groups: whether the person's groups are wanted.
        """
        return Timing(self, self._monotonic, groups=groups)

    def accepted(self, stay: "Timing") -> None:
        """Let go at once; until somebody was refused, a right password tells how long a bind takes."""
        times = self._times[stay.groups]
        if len(times.accepted) < _FEW and not times.refused:
            _note(times, times.accepted, stay.seconds)

    def failed(self, stay: "Timing", error: BaseException | None) -> None:
        """Hold back what is a refusal, and learn from what the directory said."""
        if isinstance(error, InvalidCredentials):
            if error.server is not None and error.reason is Refusal.WRONG_PASSWORD:
                times = self._times[stay.groups]
                _note(times, times.refused, stay.seconds)
            elif error.reason is Refusal.UNKNOWN_PERSON and len(error.servers) > 1:
                # Two servers were searched, which may take longer than a search and a bind.
                times = self._times[stay.groups]
                _note(times, times.unknown, stay.seconds)
            self._hold(stay)
        elif not stay.has_asked:
            # Before the directory was asked there is nothing that time could tell.
            return
        elif isinstance(error, Throttled):
            self._hold(stay)
        elif isinstance(error, DirectoryUnavailable) and not isinstance(error, PermitTimeout):
            self._degraded_until = self._monotonic() + _DEGRADED

    def _hold(self, stay: "Timing") -> None:
        left = self._times[stay.groups].floor - stay.seconds
        if left <= 0 or self._monotonic() < self._degraded_until or not self._room.acquire(blocking=False):
            return
        try:
            self._sleep(left)
        finally:
            self._room.release()


class Timing:
    """One login, inside of a `with` block; `has_asked` is to be set when the directory is asked."""

    def __init__(self, floor: ResponseTimeFloor, monotonic: Callable[[], float], *, groups: bool) -> None:
        self._floor = floor
        self._monotonic = monotonic
        self.groups = groups
        self.has_asked = False

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if kind is None:
            self._floor.accepted(self)
        else:
            self._floor.failed(self, error)

    def begin(self) -> None:
        """Say that it has its place, and is measured from now on."""
        self._began = self._monotonic()

    @property
    def seconds(self) -> float:
        """For how long it has been under way."""
        return self._monotonic() - self._began


def _note(times: _Times, newest: deque[float], seconds: float) -> None:
    newest.append(seconds)
    times.floor = min(_MOST, max(_percentile(times.refused or times.accepted), _percentile(times.unknown)))


def _percentile(seconds: deque[float]) -> float:
    ordered = sorted(seconds)
    return ordered[int(_PART * (len(ordered) - 1) + 0.5)] if ordered else 0.0
