"""How many logins of one client are allowed, failed or not. Off unless an operator sets it.

Owns: counting in this process. The limit bounds load, not guesses; a count in the database would be load
itself.
"""

import threading
from collections.abc import Callable, Sequence

from login.limits.limits import Cause, Limit, Throttled

_MAX_COUNTS = 10_000


class ClientRate:
    """Limits the logins of one client in this process, in fixed windows."""

    def __init__(self, limits: Sequence[Limit], *, monotonic: Callable[[], float]) -> None:
        """Begin with no counts.

        Args:
            limits: all of them apply; empty for no limit.
            monotonic: seconds since any moment.
        """
        self._limits = limits
        self._monotonic = monotonic
        self._counts: dict[tuple[str, int], tuple[int, int]] = {}
        self._lock = threading.Lock()

    def take(self, client_id: str) -> None:
        """Count one login.

        Raises:
            Throttled: there were too many.
        """
        if not self._limits:
            return
        now = self._monotonic()
        for limit in self._limits:
            window = int(now // limit.seconds)
            with self._lock:
                if len(self._counts) > _MAX_COUNTS:
                    self._counts.clear()
                then, count = self._counts.get((client_id, limit.seconds), (window, 0))
                count = count + 1 if then == window else 1
                self._counts[client_id, limit.seconds] = (window, count)
            if count > limit.amount:
                raise Throttled(Cause.CLIENT_RATE, (window + 1) * limit.seconds - now)
