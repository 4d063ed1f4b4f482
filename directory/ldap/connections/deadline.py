"""One deadline for a whole login.

Owns: how long anything may still take. Must not know: what is being waited for.
"""

from collections.abc import Callable
from typing import Self

from core.request_deadline import bounded
from directory.contract import DirectoryUnavailable


class Deadline:
    """A moment after which nothing is waited for any more, whatever the directory sends meanwhile."""

    __slots__ = ("_end", "_monotonic", "seconds")

    def __init__(self, seconds: float, monotonic: Callable[[], float]) -> None:
        self.seconds = seconds
        self._monotonic = monotonic
        self._end = monotonic() + seconds

    @classmethod
    def of_request(cls, seconds: float, monotonic: Callable[[], float]) -> Self:
        """Make a deadline that is no later than that of the request which this thread answers.

        Args:
            seconds: the longest that it may be.
            monotonic: seconds since any moment.
        """
        return cls(bounded(seconds), monotonic)

    def remaining(self) -> float:
        """Say how many seconds are left.

        Raises:
            DirectoryUnavailable: none are.
        """
        left = self._end - self._monotonic()
        if left <= 0:
            raise DirectoryUnavailable(f"the directory was not done within {self.seconds:.3g} s")
        return left

    def within(self, limit: float) -> float:
        """Say how long one step may take.

        Args:
            limit: seconds that the step may take by itself.

        Raises:
            DirectoryUnavailable: no time is left.
        """
        return min(limit, self.remaining())

    def is_over(self) -> bool:
        """Say whether no time is left."""
        return self._monotonic() >= self._end

    def elapsed(self) -> float:
        """Say how many seconds are over."""
        return self._monotonic() - self._end + self.seconds

    def fraction(self, fraction: float) -> Self:
        """Make a deadline for one try of several: it ends when this fraction of what is left is over.

        Args:
            fraction: from 0 to 1.

        Raises:
            DirectoryUnavailable: no time is left.
        """
        return type(self)(self.remaining() * fraction, self._monotonic)
