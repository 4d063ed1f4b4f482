"""A circuit breaker for a database that is alive but silent: requests are then answered at once.

Owns: when a new connection may be tried. Must not know: how to open one.
"""

import time
from collections.abc import Callable
from threading import Lock

from sqlalchemy.exc import TimeoutError as TooLate

PROBE_SECONDS = 1.0
"""The timeout of a probe: the one connection that is tried while the breaker is open."""
# Seconds between a failed probe and the next one.
_PAUSE = 1.0


class Breaker:
    """Open while the database is silent. The first connection that it accepts closes the breaker."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Begin closed.

        Args:
            monotonic: a monotonic clock, in seconds.
        """
        self._monotonic = monotonic
        self._lock = Lock()
        self._probe_at = 0.0
        self.is_open = False

    def trip(self) -> None:
        """Open the breaker: a long wait had no answer. The next connection is the first probe."""
        with self._lock:
            if not self.is_open:
                self.is_open, self._probe_at = True, self._monotonic()

    def admit(self) -> bool:
        """Allow a connection attempt, and return whether it is a probe.

        Raises:
            SQLAlchemyError: the database is silent, and a probe runs now or has just failed.
        """
        if not self.is_open:
            return False
        with self._lock:
            if not self.is_open:
                return False
            now = self._monotonic()
            if now < self._probe_at:
                raise TooLate("the database does not answer, and is tried again once a second")
            # A probe that never reports its end must not block the next one.
            self._probe_at = now + PROBE_SECONDS + _PAUSE
        return True

    def failed(self) -> None:
        """Note a failed connection attempt. If the breaker is open, the next probe has to wait."""
        with self._lock:
            self._probe_at = self._monotonic() + _PAUSE

    def answered(self) -> None:
        """Close the breaker: the database accepted a connection."""
        self.is_open = False
