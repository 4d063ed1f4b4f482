"""One worker's place under the supervisor: the process that has it, or when the next one gets it."""

from collections.abc import Callable
from typing import Any, Protocol

from serving.processes.backoff import Backoff

# A process that was killed is looked at again after so long, should the kernel still hold it.
_REAP_SECONDS = 1.0


class Process(Protocol):
    """A process, as `multiprocessing` has it."""

    @property
    def pid(self) -> int | None:
        """Its id."""

    @property
    def exitcode(self) -> int | None:
        """How it ended: its status, or the signal that ended it as a negative number."""

    @property
    def sentinel(self) -> int:
        """A descriptor that is readable once it has ended."""

    def start(self) -> None:
        """Start it."""

    def join(self) -> None:
        """Wait for its end, and reap it."""

    def terminate(self) -> None:
        """Tell it to end."""

    def kill(self) -> None:
        """End it."""


class Place:
    """The place of one worker. Times are seconds of a monotonic clock.

    `number` counts from 0. `worker` is granian's object of the worker that has the place, `process` is its
    process; both are None while nobody has it.
    """

    def __init__(self, number: int, clock: Callable[[], float]) -> None:
        self.number = number
        self.worker: Any = None
        self.process: Process | None = None
        self._clock = clock
        self._backoff = Backoff()
        self._since = 0.0
        self._due = clock()
        self._must_end_by: float | None = None

    def fill(self, worker: Any, process: Process) -> None:
        """Start a worker in this place.

        Raises:
            OSError: The system has no room for another process.
        """
        self._since = self._clock()
        process.start()
        self.worker, self.process = worker, process

    def renew(self, grace: float) -> None:
        """Tell the worker to end, so that another one takes its place; kill it after `grace` seconds."""
        if self.process is not None and self._must_end_by is None:
            self._must_end_by = self._clock() + grace
            self.process.terminate()

    def enforce(self) -> None:
        """Kill a worker that was told to end and has not done so in time."""
        if self.process is not None and self._must_end_by is not None and self._clock() >= self._must_end_by:
            self.process.kill()
            self._must_end_by += _REAP_SECONDS

    def vacate(self) -> float | None:
        """Free the place of a worker that has ended, or that could not start.

        Returns:
            Seconds until another one is due; None where it was told to end, so that another is due at once.
        """
        self.worker = self.process = None
        was_told, self._must_end_by = self._must_end_by is not None, None
        now = self._clock()
        pause = None if was_told else self._backoff.after(now - self._since)
        self._due = now + (pause or 0)
        return pause

    def waits(self) -> float | None:
        """Seconds until something is to be done here; None where that takes the worker's end."""
        if self.process is None:
            return max(0.0, self._due - self._clock())
        return None if self._must_end_by is None else max(0.0, self._must_end_by - self._clock())
