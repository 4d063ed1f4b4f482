"""How many logins of this process may be at the directory at once, and who waits for a place.

Owns: telling a burst on a healthy directory, which passes, from a directory that hangs, for which nobody must
wait. Must not know: the directory.
"""

import threading
from collections import deque
from collections.abc import Callable

from directory import DirectoryUnavailable
from login.limits.throttled import Throttled

# The least (seconds) after which places that nobody leaves count as held by logins that hang.
_LEAST_PATIENCE = 0.1
# The most that one login waits, and the pace of a directory that it waits for at all (seconds).
_MOMENT = 0.15
# A login that takes so much longer than the slowest of late (times) does not look healthy any more.
_TOLERANCE = 2
_FIRST_GUESS = 0.125
_FADING = 0.9
# Of the newest login in the pace: a hiccup does not make a directory slow.
_WEIGHT = 0.2


class Bulkhead:
    """So many may be inside at once. Another one waits for a moment, and only while others come out quickly.

    Whoever waits holds a thread that could check tokens: behind a directory that is slow, though healthy, the
    waiting would be without end.
    """

    def __init__(self, count: int, *, monotonic: Callable[[], float]) -> None:
        """Make places that are all free.

        Args:
            count: how many; one fewer than there are threads, so that one is left for all that is no login.
            monotonic: seconds since any moment.
        """
        self._free = count
        self._monotonic = monotonic
        self._moved_at = monotonic()
        self._slowest = _FIRST_GUESS
        self._pace = 0.0
        self._waiting: deque[threading.Event] = deque()
        self._lock = threading.Lock()
        self._moved = threading.Condition(self._lock)

    def one(self) -> "Slot":
        """Hold a place for the length of a `with` block.

        Raises:
            DirectoryUnavailable: every place is taken, and nobody has come in or out for longer than usual:
                whoever came would wait for the directory to stop hanging.
        """
        return Slot(self)

    def enter(self) -> float:
        """Take a place, and give back the moment (seconds of the clock). Raises as `one` does."""
        with self._lock:
            if self._free == 0:
                self._wait()
            else:
                self._free -= 1
            self._moved_at = now = self._monotonic()
        return now

    def leave(self, began: float, *, answered: bool) -> None:
        """Give a place back.

        Args:
            began: as `enter` gave it.
            answered: whether the directory had an answer, which sets the pace.
        """
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
                self._moved.notify_all()
            else:
                self._free += 1
            self._moved_at = now = self._monotonic()
            if answered:
                took = now - began
                self._slowest = max(took, self._slowest * _FADING)
                self._pace += (took - self._pace) * _WEIGHT

    def _wait(self) -> None:
        """Wait until somebody who leaves hands their place over: whoever comes later does not get it."""
        handed_over = threading.Event()
        self._waiting.append(handed_over)
        gives_up_at = self._monotonic() + _MOMENT
        while not handed_over.is_set():
            patience = max(_LEAST_PATIENCE, _TOLERANCE * self._slowest)
            left = min(gives_up_at, self._moved_at + patience) - self._monotonic()
            if left <= 0 or self._pace > _MOMENT:
                self._waiting.remove(handed_over)
                raise DirectoryUnavailable("every login place of this worker is taken")
            self._moved.wait(left)


class Slot:
    """A place, held for the length of a `with` block."""

    __slots__ = ("_began", "_places")

    def __init__(self, places: Bulkhead) -> None:
        self._places = places

    def __enter__(self) -> None:
        self._began = self._places.enter()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        answered = kind is None or not issubclass(kind, (DirectoryUnavailable, Throttled))
        self._places.leave(self._began, answered=answered)
