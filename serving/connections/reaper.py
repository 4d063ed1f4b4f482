"""The reaper of a worker: a thread that ends slow request bodies and idle connections."""

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from serving.connections.body_limit import DEADLINE_SECONDS, BodyLimit
from serving.connections.connection_table import FIRST_REQUEST_SECONDS, ConnectionTable
from serving.connections.request_tracker import Call, RequestTracker, tracked
from serving.connections.sockets import Connection, Sockets
from telemetry import Log, LogSampler, open_log

INTERVAL_SECONDS = 1.0
"""The reaper inspects the connections this often."""
_NEARLY_FULL_SECONDS = 0.1
# How often bodies are inspected while too many of them hold threads.
_CROWDED_SECONDS = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """The limits of one worker.

    - `threads`: how many threads it has.
    - `connections`: how many connections it accepts.
    - `port`: where it listens.
    - `tls`: whether connections are encrypted.
    - `body_seconds`: a request body must be whole within this time.
    - `first_request_seconds`: a connection must send the head of its first request within this time.
    """

    threads: int
    connections: int
    port: int
    tls: bool
    body_seconds: float = DEADLINE_SECONDS
    first_request_seconds: float = FIRST_REQUEST_SECONDS


class _Sockets(Protocol):
    def look(self) -> list[Connection]:
        """List every connection that is open now."""

    def end(self, seen: Connection) -> bool:
        """Shut a connection down, unless it has received data since it was listed."""


class Reaper:
    """Ends the slow bodies and the idle connections of one worker.

    `sockets` is None on a system that does not show its connections.
    """

    def __init__(
        self,
        bodies: BodyLimit,
        table: ConnectionTable,
        sockets: _Sockets | None,
        log: Log,
        *,
        interval: float = INTERVAL_SECONDS,
    ) -> None:
        """Make a reaper, which does nothing until it is started.

        Args:
            bodies: The bodies that threads are reading.
            table: The connections of the worker.
            sockets: Lists the open connections, and ends them.
            log: Receives what the reaper has ended: at most a line a minute for each reason.
            interval: Seconds between two inspections of the connections.
        """
        self._bodies = bodies
        self._table = table
        self._sockets = sockets
        self._log = log
        self._sampler = LogSampler()
        self._interval = interval
        self._next_inspection = 0.0

    def start(self) -> None:
        """Run in a thread of its own, until the process ends."""
        threading.Thread(target=self._run, name="reaper", daemon=True).start()

    def _run(self) -> None:
        while True:
            self._wait()
            try:
                self.end_bodies()
                if self._bodies.clock() >= self._next_inspection:
                    self.end_connections()
            except Exception as error:  # noqa: BLE001 - the thread must go on: only an attack would show its end
                self._warn("guard.failed", type(error).__name__)

    def _wait(self) -> None:
        crowded = self._bodies.crowded
        if crowded.wait(max(0.0, min(self._interval, self._next_inspection - self._bodies.clock()))):
            # A body that comes with its head is whole in far less time than this.
            time.sleep(_CROWDED_SECONDS)
            crowded.clear()

    def end_bodies(self) -> None:
        """End the bodies that came too slowly."""
        for overdue in self._bodies.overdue():
            if self._bodies.end(overdue):
                self._warn("body.ended", overdue.reason)
        if self._bodies.is_crowded():
            self._bodies.crowded.set()

    def end_connections(self) -> None:
        """Inspect the connections once, and end those that are idle for too long."""
        now = self._bodies.clock()
        self._next_inspection = now + self._interval
        if self._sockets is None:
            return
        connections = self._sockets.look()
        ended = [reason for each, reason in self._table.overdue(connections, now) if self._sockets.end(each)]
        for reason in ended:
            self._warn("connection.ended", reason)
        if self._table.is_nearly_full(len(connections) - len(ended)):
            self._next_inspection = now + min(self._interval, _NEARLY_FULL_SECONDS)

    def _warn(self, event: str, reason: str) -> None:
        times = self._sampler.due((event, reason))
        if times is not None:
            self._log.warning(event, reason=reason, times=times)


def start_reaper(call: Call, limits: ConnectionLimits) -> tuple[Call, Callable[[], None]]:
    """Start the reaper of this process, which must be a worker already: threads do not survive a fork.

    Args:
        call: The function that granian calls for each request.
        limits: The limits of this worker.

    Returns:
        The function that granian is to call instead, and a function to call when the worker must end.
    """
    requests, bodies = RequestTracker(tls=limits.tls), BodyLimit(limits.threads, deadline=limits.body_seconds)
    table = ConnectionTable(
        requests,
        limits.threads,
        limits.connections,
        tls=limits.tls,
        first_request=limits.first_request_seconds,
    )
    sockets = Sockets(limits.port) if Sockets.are_visible() else None
    Reaper(bodies, table, sockets, open_log(sys.stderr)).start()
    return tracked(call, requests, bodies), bodies.hasten
