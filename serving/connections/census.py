"""Which connections of a worker are idle for too long, and which must make room for others.

granian does not say which connection a request came over. The rules here need no more than the kernel's times
and the addresses of requests. Where these leave a doubt, the connection stays.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from serving.connections.sockets import Connection
from serving.connections.traffic import Traffic

FIRST_REQUEST_SECONDS = 10.0
"""A connection must have sent the whole head of a request so many seconds after its opening."""

# A request begins within so many seconds of its last byte, if a thread is free for it.
_SLACK_SECONDS = 2.0
# How soon it begins where a thread is free at once, and how exact the kernel's times are.
_BEGINS_WITHIN, _TICK = 0.1, 0.02
_NEVER: Final = float("-inf")
_RESERVE = 8


_Ages = Mapping[str, Sequence[float]]


class _Known:
    """What is known of a connection from look to look."""

    __slots__ = ("changed_at_look", "has_asked", "received", "since")

    def __init__(self, since: float) -> None:
        self.since = since
        self.received = -1
        self.changed_at_look = 0
        self.has_asked = False


class Census:
    """The connections of one worker, from look to look. Times are seconds of a monotonic clock.

    `limit` is how many connections the worker takes at once.
    """

    def __init__(
        self,
        traffic: Traffic,
        threads: int,
        limit: int,
        *,
        tls: bool,
        first_request: float = FIRST_REQUEST_SECONDS,
    ) -> None:
        """Begin with no connection known.

        Args:
            traffic: the requests of the worker.
            threads: how many of them it answers at once; more wait, unseen by us.
            limit: how many connections it takes at once.
            tls: whether they are encrypted: a handshake sends data before any request.
            first_request: seconds until a connection must have sent the head of its first request.
        """
        self._traffic = traffic
        self._threads = threads
        self._limit = limit
        self._tls = tls
        self._room = max(1, limit // _RESERVE)
        self._first_request = first_request
        self._known: dict[int, _Known] = {}
        # How many looks found a thread free, so that no request waited for one, and when one did not.
        self._looks = 0
        self._all_busy_at = _NEVER

    def judge(self, connections: Sequence[Connection], now: float) -> list[tuple[Connection, str]]:
        """Choose the connections to end.

        Args:
            connections: every open one.
            now: the time of the look.

        Returns:
            Each with the reason: `no_request`, or `full` where another connection needs its place.
        """
        if len(self._traffic.under_way) >= self._threads:
            self._all_busy_at = now
        else:
            self._looks += 1
        self._take_note(connections, now)
        ages = self._ages_under_way(now)
        ended = [(each, "no_request") for each in connections if self._never_asks(each, ages, now)]
        chosen = {each.identity for each, _ in ended}
        excess = len(connections) - len(chosen) - (self._limit - self._room)
        if excess > 0:
            rest = [each for each in connections if each.identity not in chosen]
            ended += [(each, "full") for each in self._idlest(rest, ages, now)[:excess]]
        return ended

    def is_nearly_full(self, connections: int) -> bool:
        """Whether another look is due soon."""
        return connections > self._limit - 2 * self._room

    def _take_note(self, connections: Iterable[Connection], now: float) -> None:
        known = {}
        for each in connections:
            entry = self._known.get(each.identity) or _Known(now)
            if each.received != entry.received:
                entry.received, entry.changed_at_look = each.received, self._looks
            known[each.identity] = entry
        self._known = known
        if not self._tls:
            for each in connections:
                known[each.identity].has_asked = each.has_sent
        else:
            self._note_requests(connections, now)

    def _note_requests(self, connections: Iterable[Connection], now: float) -> None:
        """Note which connections may have had a request since they were looked at last.

        Such a connection received data just before a request began from its address.
        """
        changed = []
        for each in connections:
            entry = self._known[each.identity]
            # A request of the very moment of a look may begin after it.
            if each.received and not entry.has_asked and self._looks - entry.changed_at_look <= 1:
                changed.append((each, entry))
        if not changed:
            return
        begun: dict[str, list[float]] = {}
        known_since = self._traffic.known_since()
        for when, address in list(self._traffic.begun):
            begun.setdefault(address, []).append(when)
        for each, entry in changed:
            times = begun.get(each.address, ())
            received = now - each.since_received
            until = max(received + _BEGINS_WITHIN, now - each.since_sent + _TICK)
            entry.has_asked = received - _TICK < known_since or any(
                received - _TICK <= when <= until for when in times
            )

    def _never_asks(self, connection: Connection, ages: _Ages, now: float) -> bool:
        entry = self._known[connection.identity]
        if connection.received == 0:
            return connection.since_received >= self._first_request
        return (
            not entry.has_asked
            and now - entry.since >= self._first_request
            and not self._may_be_under_way(connection, ages, now)
        )

    def _ages_under_way(self, now: float) -> _Ages:
        ages: dict[str, list[float]] = {}
        for began, address in list(self._traffic.under_way.values()):
            ages.setdefault(address, []).append(now - began)
        return ages

    def _idlest(self, connections: Iterable[Connection], ages: _Ages, now: float) -> list[Connection]:
        """The connections that have certainly no request under way, those first that are idle longest."""
        idle = (each for each in connections if not self._may_be_under_way(each, ages, now))
        return sorted(idle, key=lambda each: -min(each.since_received, each.since_sent))

    def _may_be_under_way(self, connection: Connection, ages: _Ages, now: float) -> bool:
        if connection.received == 0 or connection.since_sent < connection.since_received:
            # Nothing came in since the last answer. (Times are equal where both were within a clock tick.)
            return False
        if self._all_busy_at == now:
            return True
        # Its request began when its last byte had come, or earlier if its body is still coming. Only one that
        # had to wait for a thread began later.
        waited_from = min(connection.since_received, now - self._all_busy_at)
        return any(age >= waited_from - _SLACK_SECONDS for age in ages.get(connection.address, ()))
