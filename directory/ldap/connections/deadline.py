"""One deadline for a whole login.

Owns: how much time is left. Must not know: LDAP, connections.
"""

from collections.abc import Callable
from typing import Self

from core.request_deadline import bounded
from directory.contract import DirectoryUnavailable


class Deadline:
    """Ends every wait of a login at one moment, however slowly the directory server answers."""

    __slots__ = ("_end", "_monotonic", "seconds")

    def __init__(self, seconds: float, monotonic: Callable[[], float]) -> None:
        self.seconds = seconds
        self._monotonic = monotonic
        self._end = monotonic() + seconds

    @classmethod
    def of_request(cls, seconds: float, monotonic: Callable[[], float]) -> Self:
        """Make a deadline that ends no later than the HTTP request that this thread answers.

        Args:
            seconds: the longest time it may have.
            monotonic: seconds since any moment.
        """
        return cls(bounded(seconds), monotonic)

    def remaining(self) -> float:
        """Return the seconds that are left.

        Raises:
            DirectoryUnavailable: the deadline has passed.
        """
        left = self._end - self._monotonic()
        if left <= 0:
            raise DirectoryUnavailable(f"the directory was not done within {self.seconds:.3g} s")
        return left

    def within(self, limit: float) -> float:
        """Return how many seconds one step may take.

        Args:
            limit: the step's own timeout in seconds.

        Raises:
            DirectoryUnavailable: the deadline has passed.
        """
        return min(limit, self.remaining())

    def is_over(self) -> bool:
        """Return whether the deadline has passed."""
        return self._monotonic() >= self._end

    def elapsed(self) -> float:
        """Return the seconds since the deadline was made."""
        return self._monotonic() - self._end + self.seconds

    def fraction(self, share: float) -> Self:
        """Make a deadline for one of several tries, out of the time that is left.

        Args:
            share: of the time left, from 0 to 1.

        Raises:
            DirectoryUnavailable: the deadline has passed.
        """
        return type(self)(self.remaining() * share, self._monotonic)
