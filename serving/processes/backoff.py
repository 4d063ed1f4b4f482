"""How long a supervisor waits before it starts a worker again."""

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
# A worker that lived this long did not die because of its start.
SETTLED_SECONDS = 10.0


class Backoff:
    """The pauses of one slot. Each is twice as long as the last, until a worker lives long enough."""

    def __init__(self) -> None:
        self._next = FIRST_PAUSE

    def after(self, lived: float) -> float:
        """Give the pause after a worker died.

        Args:
            lived: Seconds from its start to its end.

        Returns:
            Seconds until the next worker starts.
        """
        if lived >= SETTLED_SECONDS:
            self._next = FIRST_PAUSE
        pause = self._next
        self._next = min(2 * pause, LONGEST_PAUSE)
        return pause
