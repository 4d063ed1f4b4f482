"""How many logins of this process may be at the directory at once, and who waits for a place.

Owns: telling a burst on a healthy directory, which passes, from a directory that hangs, for which nobody must
wait. Must not know: the directory.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from directory import DirectoryUnavailable

# Bounds (seconds) of the wait for somebody else to come out. A thread that waits answers nobody else either.
_LEAST_PATIENCE = 0.1
_MOST_PATIENCE = 1.0
# A login that takes so much longer than the slowest of late (times) does not look healthy any more.
_TOLERANCE = 2
_FIRST_GUESS = 0.125
_FADING = 0.9


class Places:
    """So many may be inside at once. Another one waits as long as others come out at the pace of late."""

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
        except DirectoryUnavailable:
            self._leave(None)
            raise
        except BaseException:
            self._leave(self._monotonic() - began)
            raise
        self._leave(self._monotonic() - began)

    def _enter(self) -> None:
        with self._moved:
            while self._free == 0:
                patience = min(_MOST_PATIENCE, max(_LEAST_PATIENCE, _TOLERANCE * self._slowest))
                left = self._moved_at + patience - self._monotonic()
                if left <= 0:
                    raise DirectoryUnavailable("every login place of this worker is taken")
                self._moved.wait(left)
            self._free -= 1
            self._moved_at = self._monotonic()

    def _leave(self, took: float | None) -> None:
        """Give a place back; `took` is for how many seconds it was held, if the directory had an answer."""
        with self._moved:
            self._free += 1
            self._moved_at = self._monotonic()
            if took is not None:
                self._slowest = max(took, self._slowest * _FADING)
            self._moved.notify()
