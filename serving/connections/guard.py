"""The guard of a worker: a thread that ends what holds its threads and its connections for too long."""

import threading
import time
from typing import Protocol

from serving.connections.bodies import BodyGate
from serving.connections.census import Census
from serving.connections.sockets import Connection
from telemetry import Log, LogSampler

LOOK_SECONDS = 1.0
"""The guard looks at connections so often."""
_HASTE_SECONDS = 0.1
# Where too many bodies hold threads, those that have had their time are looked for so often.
_CROWD_SECONDS = 0.02


class _Sockets(Protocol):
    def look(self) -> list[Connection]:
        """Every connection that is open now."""

    def end(self, seen: Connection) -> bool:
        """Shut a connection down, unless it has received something since."""


class Guard:
    """Watches over one worker's bodies and connections.

    `sockets` is None where the system does not show them.
    """

    def __init__(
        self,
        gate: BodyGate,
        census: Census,
        sockets: _Sockets | None,
        log: Log,
        *,
        look: float = LOOK_SECONDS,
    ) -> None:
        """Make a guard, which does nothing until it is started.

        Args:
            gate: the bodies that are still coming.
            census: what is known of connections.
            sockets: where connections are seen.
            log: where it tells what it ended; at most a line a minute for each reason.
            look: seconds between two looks at the connections.
        """
        self._gate = gate
        self._census = census
        self._sockets = sockets
        self._log = log
        self._seldom = LogSampler()
        self._look = look
        self._next_look = 0.0

    def start(self) -> None:
        """Watch in a thread of its own, until the process ends."""
        threading.Thread(target=self._watch, name="guard", daemon=True).start()

    def _watch(self) -> None:
        while True:
            self._wait()
            try:
                self.end_bodies()
                if self._gate.clock() >= self._next_look:
                    self.end_connections()
            except Exception as error:  # noqa: BLE001 - a guard that has stopped would be missed only under attack
                self._tell("guard.failed", type(error).__name__)

    def _wait(self) -> None:
        crowded = self._gate.crowded
        if crowded.wait(max(0.0, min(self._look, self._next_look - self._gate.clock()))):
            # Bodies that come with their head are whole in far less time than this.
            time.sleep(_CROWD_SECONDS)
            crowded.clear()

    def end_bodies(self) -> None:
        """End the bodies that came too slowly."""
        for overdue in self._gate.overdue():
            if self._gate.end(overdue):
                self._tell("body.ended", overdue.reason)
        if self._gate.is_crowded():
            self._gate.crowded.set()

    def end_connections(self) -> None:
        """Look at the connections once, and end those that are idle for too long."""
        now = self._gate.clock()
        self._next_look = now + self._look
        if self._sockets is None:
            return
        connections = self._sockets.look()
        ended = [reason for each, reason in self._census.judge(connections, now) if self._sockets.end(each)]
        for reason in ended:
            self._tell("connection.ended", reason)
        if self._census.is_nearly_full(len(connections) - len(ended)):
            self._next_look = now + min(self._look, _HASTE_SECONDS)

    def _tell(self, event: str, reason: str) -> None:
        times = self._seldom.due((event, reason))
        if times is not None:
            self._log.warning(event, reason=reason, times=times)
