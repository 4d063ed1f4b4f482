"""The supervisor: it keeps a worker in every slot for as long as the server runs.

granian's own loop ends the whole server when a worker dies within 5.5 seconds of its start. Here a worker
that dies is replaced after a pause, however often that happens, while the others serve on.

It has only one thread: a process that forks must not hold a lock that another thread would release.
"""

import os
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import wait
from time import monotonic
from typing import Any

from granian.server.mp import MPServer

from serving.processes.worker_slot import WorkerSlot
from telemetry import Log

# On SIGHUP a worker is replaced, and the next one when this one has had time to start.
_RENEWAL_SECONDS = 3.5


class Supervisor(MPServer):
    """granian's server with a loop of its own. `log` receives events of workers; `given` goes to granian."""

    def __init__(self, log: Log, clock: Callable[[], float] = monotonic, **given: Any) -> None:
        super().__init__(**given)
        self._log = log
        self._clock = clock
        self._slots = [WorkerSlot(number, clock) for number in range(self.workers)]
        self.reload_signal = False
        self._renewals: deque[WorkerSlot] = deque()
        self._next_renewal = 0.0
        self._waker, self._wake = os.pipe()
        os.set_blocking(self._waker, False)
        os.set_blocking(self._wake, False)

    def signal_handler_interrupt(self, *given: Any) -> None:
        """SIGTERM or SIGINT: end."""
        super().signal_handler_interrupt(*given)
        self._wake_up()

    def signal_handler_reload(self, *given: Any) -> None:
        """SIGHUP: replace each worker by a new one, one after the other."""
        super().signal_handler_reload(*given)
        self._wake_up()

    def _spawn_workers(self, spawn_target: Any, target_loader: Any) -> None:
        self._fill_slots(spawn_target, target_loader, is_first=True)

    def _serve_loop(self, spawn_target: Any, target_loader: Any) -> None:
        while not self.interrupt_signal:
            self._wait()
            if self.interrupt_signal:
                break
            self._reap()
            self._renew()
            self._fill_slots(spawn_target, target_loader)

    def _stop_workers(self) -> None:
        self.wrks = [slot.worker for slot in self._slots if slot.worker is not None]
        super()._stop_workers()

    def _wake_up(self) -> None:
        try:
            os.write(self._wake, b"\0")
        except BlockingIOError:
            return  # the pipe is full of calls already

    def _wait(self) -> None:
        """Wait until a worker ends, a signal comes, or a slot is due."""
        waits = [seconds for slot in self._slots if (seconds := slot.waits()) is not None]
        if self._renewals:
            waits.append(max(0.0, self._next_renewal - self._clock()))
        ends = [slot.process.sentinel for slot in self._slots if slot.process is not None]
        if self._waker in wait([self._waker, *ends], min(waits, default=None)):
            os.read(self._waker, 4096)

    def _reap(self) -> None:
        """Empty the slots of workers that have ended, and reap their processes."""
        for slot in self._slots:
            slot.enforce()
            process = slot.process
            if process is None or not wait([process.sentinel], 0):
                continue
            process.join()
            pause = slot.vacate()
            if pause is not None:
                self._log.error(
                    "worker.died",
                    worker=slot.number + 1,
                    pid=process.pid,
                    exit=process.exitcode,
                    starts_again_in=pause,
                )

    def _renew(self) -> None:
        if self.reload_signal:
            self.reload_signal = False
            self._renewals = deque(self._slots)
        if self._renewals and self._clock() >= self._next_renewal:
            self._renewals.popleft().renew(self.workers_kill_timeout)
            self._next_renewal = self._clock() + _RENEWAL_SECONDS

    def _fill_slots(self, spawn_target: Any, target_loader: Any, *, is_first: bool = False) -> None:
        """Start a worker wherever one is due."""
        for slot in self._slots:
            if slot.process is not None or slot.waits():
                continue
            worker = self._spawn_worker(slot.number, spawn_target, target_loader)
            try:
                slot.fill(worker, worker.inner)
            except OSError as error:
                pause, why = slot.vacate(), error.strerror
                self._log.error("worker.died", worker=slot.number + 1, exit=why, starts_again_in=pause)
                continue
            if not is_first:
                self._log.info("worker.started", worker=slot.number + 1, pid=worker.inner.pid)
