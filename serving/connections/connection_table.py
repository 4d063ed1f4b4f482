"""Decides which connections of a worker end: idle ones, and ones that must make room for others.

granian does not tell over which connection a request came. The rules here need only the kernel's times and
the addresses of requests. Where these leave a doubt, the connection stays.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from serving.connections.request_tracker import RequestTracker
from serving.connections.sockets import Connection

FIRST_REQUEST_SECONDS = 10.0
"""A connection must send the whole head of a request within this many seconds of its opening."""

# A request begins within this many seconds of its last byte, if a thread is free for it.
_SLACK_SECONDS = 2.0
# A request begins this soon where a thread is free at once; and the precision of the kernel's times.
_BEGINS_WITHIN_SECONDS, _TICK_SECONDS = 0.1, 0.02
_NEVER: Final = float("-inf")
# One part in eight of the limit is kept free for new connections.
_FREE_PART = 8


_Ages = Mapping[str, Sequence[float]]


class _Entry:
    """What is known of a connection between two inspections."""

    __slots__ = ("changed_at", "has_sent_request", "received", "since")

    def __init__(self, since: float) -> None:
        self.since = since
        self.received = -1
        self.changed_at = 0
        self.has_sent_request = False


class ConnectionTable:
    """The connections of one worker, inspected once a second. Times are seconds of a monotonic clock."""

    def __init__(
        self,
        requests: RequestTracker,
        threads: int,
        limit: int,
        *,
        tls: bool,
        first_request: float = FIRST_REQUEST_SECONDS,
    ) -> None:
        """Begin with no connection known.

        Args:
            requests: The requests of the worker.
            threads: How many requests it answers at once. More requests wait, and are not tracked.
            limit: How many connections it accepts at once.
            tls: Whether they are encrypted: a handshake sends data before any request.
            first_request: Seconds within which a connection must send the head of its first request.
        """
        self._requests = requests
        self._threads = threads
        self._limit = limit
        self._tls = tls
        self._free = max(1, limit // _FREE_PART)
        self._first_request = first_request
        self._entries: dict[int, _Entry] = {}
        # Counts the inspections that found a thread free, so that no request was waiting for one.
        self._inspections = 0
        self._all_busy_at = _NEVER

    def overdue(self, connections: Sequence[Connection], now: float) -> list[tuple[Connection, str]]:
        """Choose the connections to end.

        Args:
            connections: Every open connection.
            now: The time of this inspection.

        Returns:
            Each with the reason: `no_request`, or `full` where another connection needs the room.
        """
        if len(self._requests.in_progress) >= self._threads:
            self._all_busy_at = now
        else:
            self._inspections += 1
        self._update(connections, now)
        ages = self._ages_in_progress(now)
        ended = [(each, "no_request") for each in connections if self._sends_no_request(each, ages, now)]
        chosen = {each.identity for each, _ in ended}
        excess = len(connections) - len(chosen) - (self._limit - self._free)
        if excess > 0:
            rest = [each for each in connections if each.identity not in chosen]
            ended += [(each, "full") for each in self._longest_idle(rest, ages, now)[:excess]]
        return ended

    def is_nearly_full(self, connections: int) -> bool:
        """Tell whether the next inspection is due soon.

        Args:
            connections: How many are open.
        """
        return connections > self._limit - 2 * self._free

    def _update(self, connections: Iterable[Connection], now: float) -> None:
        entries = {}
        for each in connections:
            entry = self._entries.get(each.identity) or _Entry(now)
            if each.received != entry.received:
                entry.received, entry.changed_at = each.received, self._inspections
            entries[each.identity] = entry
        self._entries = entries
        if not self._tls:
            for each in connections:
                entries[each.identity].has_sent_request = each.has_sent
        else:
            self._note_requests(connections, now)

    def _note_requests(self, connections: Iterable[Connection], now: float) -> None:
        """Note which connections may have sent a request since the last inspection.

        Such a connection received data just before a request began from its address.
        """
        changed = []
        for each in connections:
            entry = self._entries[each.identity]
            # A request may begin just after the inspection that sees its bytes.
            if each.received and not entry.has_sent_request and self._inspections - entry.changed_at <= 1:
                changed.append((each, entry))
        if not changed:
            return
        begun: dict[str, list[float]] = {}
        known_since = self._requests.known_since()
        for when, address in list(self._requests.recent):
            begun.setdefault(address, []).append(when)
        for each, entry in changed:
            times = begun.get(each.address, ())
            received = now - each.since_received
            until = max(received + _BEGINS_WITHIN_SECONDS, now - each.since_sent + _TICK_SECONDS)
            entry.has_sent_request = received - _TICK_SECONDS < known_since or any(
                received - _TICK_SECONDS <= when <= until for when in times
            )

    def _sends_no_request(self, connection: Connection, ages: _Ages, now: float) -> bool:
        entry = self._entries[connection.identity]
        if connection.received == 0:
            return connection.since_received >= self._first_request
        return (
            not entry.has_sent_request
            and now - entry.since >= self._first_request
            and not self._may_have_request(connection, ages, now)
        )

    def _ages_in_progress(self, now: float) -> _Ages:
        ages: dict[str, list[float]] = {}
        for began, address in list(self._requests.in_progress.values()):
            ages.setdefault(address, []).append(now - began)
        return ages

    def _longest_idle(self, connections: Iterable[Connection], ages: _Ages, now: float) -> list[Connection]:
        """List the connections that certainly have no request in progress, the longest idle first."""
        idle = (each for each in connections if not self._may_have_request(each, ages, now))
        return sorted(idle, key=lambda each: -min(each.since_received, each.since_sent))

    def _may_have_request(self, connection: Connection, ages: _Ages, now: float) -> bool:
        if connection.received == 0 or connection.since_sent < connection.since_received:
            # Nothing came in since the last answer. (Times are equal where both were within a clock tick.)
            return False
        if self._all_busy_at == now:
            return True
        # Its request began when its last byte had come, or earlier if its body is still coming. Only one that
        # had to wait for a thread began later.
        waited_from = min(connection.since_received, now - self._all_busy_at)
        return any(age >= waited_from - _SLACK_SECONDS for age in ages.get(connection.address, ()))
