"""The slot of one worker under the supervisor: its process, or the time when the next one starts."""

from collections.abc import Callable
from typing import Any, Protocol

from serving.processes.backoff import Backoff

# A process that was killed is inspected again after this long, in case the kernel still holds it.
_REAP_SECONDS = 1.0


class Process(Protocol):
    """A process of `multiprocessing`."""

    @property
    def pid(self) -> int | None:
        """The id of the process."""

    @property
    def exitcode(self) -> int | None:
        """The exit status, or the signal that ended the process as a negative number."""

    @property
    def sentinel(self) -> int:
        """A descriptor that is readable once the process has ended."""

    def start(self) -> None:
        """Start the process."""

    def join(self) -> None:
        """Wait for the end of the process, and reap it."""

    def terminate(self) -> None:
        """Send SIGTERM."""

    def kill(self) -> None:
        """Send SIGKILL."""


class WorkerSlot:
    """The slot of one worker. Times are seconds of a monotonic clock.

    `number` counts from 0. `worker` is granian's object of the worker in the slot, and `process` is its
    process. Both are None while the slot is empty.
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
        """Start a worker in this slot.

        Raises:
            OSError: The system cannot start another process.
        """
        self._since = self._clock()
        process.start()
        self.worker, self.process = worker, process

    def renew(self, grace: float) -> None:
        """Replace the worker: tell it to end, and kill it after `grace` seconds."""
        if self.process is not None and self._must_end_by is None:
            self._must_end_by = self._clock() + grace
            self.process.terminate()

    def enforce(self) -> None:
        """Kill a worker that got SIGTERM and has not ended in time."""
        if self.process is not None and self._must_end_by is not None and self._clock() >= self._must_end_by:
            self.process.kill()
            self._must_end_by += _REAP_SECONDS

    def vacate(self) -> float | None:
        """Empty the slot of a worker that has ended, or that could not start.

        Returns:
            Seconds until the next worker is due. None after an ordered end: the next is due now.
        """
        self.worker = self.process = None
        was_ended, self._must_end_by = self._must_end_by is not None, None
        now = self._clock()
        pause = None if was_ended else self._backoff.after(now - self._since)
        self._due = now + (pause or 0)
        return pause

    def waits(self) -> float | None:
        """Give the seconds until the supervisor must act on this slot; None until the worker ends."""
        if self.process is None:
            return max(0.0, self._due - self._clock())
        return None if self._must_end_by is None else max(0.0, self._must_end_by - self._clock())
