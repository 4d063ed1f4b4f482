"""How many logins of this process may be at the directory at once, and who waits for a place.

Owns: telling a burst on a healthy directory, which passes, from a directory that hangs, for which nobody must
wait. Must not know: the directory.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from directory import DirectoryUnavailable
from login.throttled import Throttled

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


class Places:
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
        self._moved = threading.Condition()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold a place for the length of a `with` block.

        Raises:
            DirectoryUnavailable: every place is taken, and nobody has come in or out for longer than usual:
                whoever came would wait for the directory to stop hanging.
        """
        self._enter()
        began = self._monotonic()
        try:
            yield
        except (DirectoryUnavailable, Throttled):
            self._leave(None)
            raise
        except BaseException:
            self._leave(self._monotonic() - began)
            raise
        self._leave(self._monotonic() - began)

    def _enter(self) -> None:
        with self._moved:
            if self._free == 0:
                self._wait()
            else:
                self._free -= 1
            self._moved_at = self._monotonic()

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

    def _leave(self, took: float | None) -> None:
        """Give a place back; `took` is for how many seconds it was held, if the directory had an answer."""
        with self._moved:
            if self._waiting:
                self._waiting.popleft().set()
                self._moved.notify_all()
            else:
                self._free += 1
            self._moved_at = self._monotonic()
            if took is not None:
                self._slowest = max(took, self._slowest * _FADING)
                self._pace += (took - self._pace) * _WEIGHT
