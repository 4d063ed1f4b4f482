"""A worker's watch over its bodies and connections, put together."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

from serving.connections.bodies import DEADLINE_SECONDS, BodyGate
from serving.connections.census import FIRST_REQUEST_SECONDS, Census
from serving.connections.guard import Guard
from serving.connections.sockets import Sockets
from serving.connections.traffic import Call, Traffic, watched
from telemetry import open_log


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What one worker is watched for.

    `threads` and `connections` are how many it has and takes; it listens on `port`, with encryption or not.
    A body has `body` seconds to become whole, and a connection `first_request` seconds to send a first head.
    """

    threads: int
    connections: int
    port: int
    tls: bool
    body: float = DEADLINE_SECONDS
    first_request: float = FIRST_REQUEST_SECONDS


def guarded(call: Call, watch: Watch) -> tuple[Call, Callable[[], None]]:
    """Start a guard for this process, which must be a worker already: threads do not survive a fork.

    Args:
        call: what granian calls for each request.
        watch: what to watch for.

    Returns:
        What granian is to call in its place, and what to call when the worker is told to end.
    """
    traffic, gate = Traffic(tls=watch.tls), BodyGate(watch.threads, deadline=watch.body)
    census = Census(
        traffic, watch.threads, watch.connections, tls=watch.tls, first_request=watch.first_request
    )
    sockets = Sockets(watch.port) if Sockets.are_visible() else None
    Guard(gate, census, sockets, open_log(sys.stderr)).start()
    return watched(call, traffic, gate), gate.hasten
