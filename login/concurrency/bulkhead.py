"""How many logins of this process may be at the directory at once, and which of the others wait.

Owns: telling a burst on a healthy directory, in which logins wait, from a directory that hangs, for which
none may wait. Must not know: the directory.
"""

import threading
from collections import deque
from collections.abc import Callable

from directory import DirectoryUnavailable
from login.limits.limits import Throttled

# Seconds without any login entering or leaving after which the slots count as held by logins that hang.
_MIN_HANG_SECONDS = 0.1
# Longest wait of one login, and slowest average login for which any login waits (seconds).
_MAX_WAIT = 0.15
# No movement for this many times the slowest recent login means a hang.
_HANG_FACTOR = 2
_INITIAL_SLOWEST = 0.125
_SLOWEST_DECAY = 0.9
# Weight of the newest login in the average, so that a hiccup does not make a directory slow.
_AVERAGE_WEIGHT = 0.2


class Bulkhead:
    """A fixed number of slots. A further login waits briefly, and only while slots come free quickly.

    A waiting login holds a thread that could check tokens. Behind a slow though healthy directory the queue
    would never end, so then no login waits.
    """

    def __init__(self, slots: int, *, monotonic: Callable[[], float]) -> None:
        """Begin with all slots free.

        Args:
            slots: how many; one fewer than threads, so that one thread is left for all other requests.
            monotonic: seconds since any moment.
        """
        self._free = slots
        self._monotonic = monotonic
        self._moved_at = monotonic()
        self._slowest = _INITIAL_SLOWEST
        self._average = 0.0
        self._waiting: deque[threading.Event] = deque()
        self._lock = threading.Lock()
        self._moved = threading.Condition(self._lock)

    def slot(self) -> "Slot":
        """Hold a slot for the length of a `with` block.

        Raises:
            DirectoryUnavailable: all slots are taken, and none came free in time.
        """
        return Slot(self)

    def waiting(self) -> int:
        """Logins that wait for a slot."""
        return len(self._waiting)

    def enter(self) -> float:
        """Take a slot, and return the time (seconds of the clock). Raises as `slot` does."""
        with self._lock:
            if self._free == 0:
                self._wait()
            else:
                self._free -= 1
            self._moved_at = now = self._monotonic()
        return now

    def leave(self, began: float, *, answered: bool) -> None:
        """Give a slot back.

        Args:
            began: as `enter` returned it.
            answered: whether the directory answered; only then does the login count for the average.
        """
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
                self._moved.notify_all()
            else:
                self._free += 1
            self._moved_at = now = self._monotonic()
            if answered:
                seconds = now - began
                self._slowest = max(seconds, self._slowest * _SLOWEST_DECAY)
                self._average += (seconds - self._average) * _AVERAGE_WEIGHT

    def _wait(self) -> None:
        """Wait until a leaving login hands its slot over; a later login cannot take it first."""
        handed_over = threading.Event()
        self._waiting.append(handed_over)
        deadline = self._monotonic() + _MAX_WAIT
        while not handed_over.is_set():
            hang_seconds = max(_MIN_HANG_SECONDS, _HANG_FACTOR * self._slowest)
            left = min(deadline, self._moved_at + hang_seconds) - self._monotonic()
            if left <= 0 or self._average > _MAX_WAIT:
                self._waiting.remove(handed_over)
                raise DirectoryUnavailable("every login place of this worker is taken")
            self._moved.wait(left)


class Slot:
    """A slot, held for the length of a `with` block."""

    __slots__ = ("_began", "_bulkhead")

    def __init__(self, bulkhead: Bulkhead) -> None:
        self._bulkhead = bulkhead

    def __enter__(self) -> None:
        self._began = self._bulkhead.enter()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        answered = kind is None or not issubclass(kind, (DirectoryUnavailable, Throttled))
        self._bulkhead.leave(self._began, answered=answered)
