"""A breaker for a database that is alive and silent: who comes while it lasts is answered at once.

Owns: when a new connection may be tried. Must not know: how one is made.
"""

import time
from collections.abc import Callable
from threading import Lock

from sqlalchemy.exc import TimeoutError as TooLate

PROBE_SECONDS = 1.0
"""How long a probe may take; a probe is the one connection that is tried while the breaker is open."""
# Seconds between the end of a probe that failed and the next one.
_PAUSE = 1.0


class Breaker:
    """Open while the database is silent; closed by the first connection that it accepts."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Begin closed.

        Args:
            monotonic: seconds since any moment.
        """
        self._monotonic = monotonic
        self._lock = Lock()
        self._probe_at = 0.0
        self.is_open = False

    def trip(self) -> None:
        """Open: a long wait had no answer. The next connection is the first probe."""
        with self._lock:
            if not self.is_open:
                self.is_open, self._probe_at = True, self._monotonic()

    def admit(self) -> bool:
        """Let a connection be tried, and say whether it is a probe.

        Raises:
            SQLAlchemyError: the database is silent, and a probe is under way or was made just now.
        """
        if not self.is_open:
            return False
        with self._lock:
            if not self.is_open:
                return False
            now = self._monotonic()
            if now < self._probe_at:
                raise TooLate("the database does not answer, and is asked again once a second")
            # A probe that never tells its end must not keep the next one away.
            self._probe_at = now + PROBE_SECONDS + _PAUSE
        return True

    def failed(self) -> None:
        """A connection could not be made. Where the breaker is open, the next probe has to wait."""
        with self._lock:
            self._probe_at = self._monotonic() + _PAUSE

    def answered(self) -> None:
        """The database accepted a connection: close."""
        self.is_open = False
