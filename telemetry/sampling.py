"""Logs frequent events at most once a minute: the first at once, then one line with a count."""

import threading
import time
from collections.abc import Callable, Hashable

_INTERVAL_SECONDS = 60.0
_MAX_KINDS = 1000


class LogSampler:
    """Decides which of many equal events are logged, so that a flood of them does not fill the log."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        # By kind: when it was last logged, and how many events came since.
        self._kinds: dict[Hashable, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def due(self, kind: Hashable) -> int | None:
        """Count an event.

        Args:
            kind: Events of the same kind count as equal.

        Returns:
            How many events of the kind came since the last log line, with this one. None if no line is due.
        """
        now = self._monotonic()
        with self._lock:
            logged_at, since = self._kinds.get(kind, (now - _INTERVAL_SECONDS, 0))
            if now - logged_at < _INTERVAL_SECONDS:
                self._kinds[kind] = (logged_at, since + 1)
                return None
            if len(self._kinds) >= _MAX_KINDS:
                self._kinds.clear()
            self._kinds[kind] = (now, 0)
        return since + 1
