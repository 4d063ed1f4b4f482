"""What happens often is told seldom: a line for the first time, and then one a minute that says how often."""

import threading
import time
from collections.abc import Callable, Hashable

_SECONDS = 60.0
_MOST = 1000


class LogSampler:
    """Decides which of many equal events are told, so that a flood does not fill the log."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._told: dict[Hashable, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def due(self, kind: Hashable) -> int | None:
        """Count an event.

        Args:
            kind: what makes events equal.

        Returns:
            How many of its kind there were since one was told, this one among them, if it is to be told.
        """
        now = self._monotonic()
        with self._lock:
            told_at, since = self._told.get(kind, (now - _SECONDS, 0))
            if now - told_at < _SECONDS:
                self._told[kind] = (told_at, since + 1)
                return None
            if len(self._told) >= _MOST:
                self._told.clear()
            self._told[kind] = (now, 0)
        return since + 1
