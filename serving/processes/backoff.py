"""How long a supervisor waits before it starts a worker again."""

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
# A worker that lived for so long did not die of how it was started.
SETTLED_SECONDS = 10.0


class Backoff:
    """The pauses of one worker's place: each twice as long as the one before, until a worker settles."""

    def __init__(self) -> None:
        self._next = FIRST_PAUSE

    def after(self, lived: float) -> float:
        """The pause after a worker died.

        Args:
            lived: seconds from its start to its end.

        Returns:
            Seconds until another one is to start.
        """
        if lived >= SETTLED_SECONDS:
            self._next = FIRST_PAUSE
        pause = self._next
        self._next = min(2 * pause, LONGEST_PAUSE)
        return pause
