"""Which directory servers may be spoken to now, and in what order.

Owns: the state of each server, how long one that failed is left alone, and when it is tried again. Must not
know: sockets, LDAP, what a failure was.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from directory.contract import DirectoryUnavailable

# Seconds that a server is left alone after its first failure; each further one doubles them, up to the most.
_FIRST_BACK_OFF = 0.5
_MOST_BACK_OFF = 30.0
_DOUBLINGS = 8
# With no other server left, one is tried again at least this often (seconds): logins recover when it does.
_URGENT = 1.0
# Losses in a row: one may be the network's. While another server is good, the second one leads there.
_LOSSES_AMONG_SEVERAL: Final = 2
# The only good server is left alone late: a quick loss holds no thread, and there is nowhere else to go.
_LOSSES_ALONE: Final = 10


class ServerState(StrEnum):
    """What is thought of a server: to be used, left alone, or left alone while one probe is under way."""

    GOOD = "good"
    QUARANTINED = "quarantined"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """How one server stands.

    `since` is when it came into this state, in seconds since the epoch; `failures` counts those in a row, and
    is forgotten once it has been good for as long as the longest back-off; `cause` is the last failure in a
    sentence for the operator, kept when the server is good again, and `alarm` whether no waiting cures it.
    """

    uri: str
    state: ServerState
    since: float
    failures: int
    cause: str | None
    alarm: bool


@dataclass(slots=True)
class _Record:
    """One server. Moments are of the monotonic clock, but for `since`."""

    uri: str
    since: float
    state: ServerState = ServerState.GOOD
    changed: float = 0.0
    failures: int = 0
    failure: DirectoryUnavailable | None = None
    until: float = 0.0
    # Counts what its connections were lost to: those opened under another number are not trusted.
    epoch: int = 0


class Servers:
    """The servers in order of preference, and what is thought of each."""

    def __init__(
        self,
        uris: Sequence[str],
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        random: Callable[[], float],
        on_change: Callable[[str, str], None] = lambda _uri, _state: None,
    ) -> None:
        """Take the servers for good until one fails.

        Args:
            uris: in order of preference; none for a directory that is no network's.
            clock: seconds since the epoch.
            monotonic: seconds since any moment.
            random: a number from 0 to 1, so that many processes do not come back at once.
            on_change: is told of a server that is in another state now; it must be quick, and not ask us.
        """
        self._clock, self._monotonic, self._random, self._on_change = clock, monotonic, random, on_change
        self._changed = threading.Condition()
        self._records = {uri: _Record(uri, clock()) for uri in uris}
        self._good = len(self._records)

    def candidates(self, *, prefer: str | None = None, avoid: str | None = None) -> list[str]:
        """List the servers that may be connected to.

        They come in the order of preference, but one that has just come back stands behind the others until
        it has been good for as long as the longest back-off: new connections go back to it only then, and
        those to the others live out their lifetime.

        Args:
            prefer: the server that comes first, if it is good.
            avoid: the server that comes last.
        """
        good = [record for record in self._records.values() if record.state is ServerState.GOOD]
        good.sort(key=lambda record: (record.uri == avoid, record.uri != prefer, self._failures(record) > 0))
        return [record.uri for record in good]

    def has_alternatives(self) -> bool:
        """Say whether more than one server may be connected to."""
        return self._good > 1

    def are_all_good(self) -> bool:
        """Say whether each server may be connected to: then there is none to be looked after."""
        return self._good == len(self._records)

    def is_good(self, uri: str) -> bool:
        """Say whether a server may be connected to."""
        record = self._records.get(uri)
        return record is not None and record.state is ServerState.GOOD

    def epoch(self, uri: str) -> int:
        """Give the number under which a connection is opened now."""
        record = self._records.get(uri)
        return record.epoch if record else 0

    def trusts(self, uri: str, epoch: int) -> bool:
        """Say whether a connection that was opened under `epoch` may still be used."""
        record = self._records.get(uri)
        return record is None or (record.state is ServerState.GOOD and record.epoch == epoch)

    def distrust(self, uri: str, epoch: int) -> None:
        """Trust no connection opened until now: one of them was dead, which says nothing of the server."""
        with self._changed:
            record = self._records.get(uri)
            if record is not None and record.epoch == epoch:
                record.epoch += 1

    def record_failure(
        self, uri: str, epoch: int, failure: DirectoryUnavailable, *, probe_now: bool = False
    ) -> None:
        """Leave a server alone for a while.

        Args:
            uri: which one; others than ours are passed over.
            epoch: under which the connection was opened; what began before the last failure is no news.
            failure: what happened.
            probe_now: whether it may be the connection's fault alone: if it is the first failure in a row, a
                probe is due at once.
        """
        with self._changed:
            record = self._records.get(uri)
            if record is not None and record.epoch == epoch and record.state is ServerState.GOOD:
                self._quarantine(record, failure, at_once=probe_now)

    def claim_probes(self, *, urgent: bool) -> list[str]:
        """Name the servers whose time for a probe has come; each is `half_open` then.

        The caller reports each by `revived` or `probe_failed`.

        Args:
            urgent: whether the caller has no server to use: then the longer back-offs are cut short, and a
                probe that has not come back keeps no other from being made. If not, those servers are named
                that are left alone while others are good.
        """
        if (self._good > 0) == urgent:
            return []
        with self._changed:
            now = self._monotonic()
            due = [
                record
                for record in self._records.values()
                if record.state is not ServerState.GOOD and now >= self._probe_from(record, urgent=urgent)
            ]
            for record in due:
                self._turn(record, ServerState.HALF_OPEN)
            return [record.uri for record in due]

    def probe_succeeded(self, uri: str) -> None:
        """Take a server for good again: its probe was answered."""
        with self._changed:
            if self._records[uri].state is not ServerState.GOOD:
                self._turn(self._records[uri], ServerState.GOOD)

    def probe_failed(self, uri: str, failure: DirectoryUnavailable) -> None:
        """Leave a server alone for longer: its probe failed, and no other has succeeded meanwhile."""
        with self._changed:
            if self._records[uri].state is ServerState.HALF_OPEN:
                self._quarantine(self._records[uri], failure, at_once=False)

    def probed_within(self, seconds: float) -> bool:
        """Say whether a probe is under way that was begun so few seconds ago."""
        since = self._monotonic() - seconds
        return any(r.state is ServerState.HALF_OPEN and r.changed > since for r in self._records.values())

    def wait_for_good(self, seconds: float) -> None:
        """Wait for probes under way: until a server is good, or none is probed, or the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._good > 0 or not self._is_any_probed(), seconds)

    def statuses(self) -> list[ServerStatus]:
        """Tell how each server stands, in order of preference."""
        with self._changed:
            return [
                ServerStatus(
                    uri=record.uri,
                    state=record.state,
                    since=record.since,
                    failures=self._failures(record),
                    cause=record.failure.cause if record.failure else None,
                    alarm=record.failure.alarm if record.failure else False,
                )
                for record in self._records.values()
            ]

    def outage(self) -> DirectoryUnavailable:
        """Make the failure of a login that no server is left for."""
        failed = [(record.uri, record.failure) for record in self._records.values() if record.failure]
        causes = [
            failure.cause if uri in failure.cause else f"{uri}: {failure.cause}" for uri, failure in failed
        ]
        return DirectoryUnavailable(
            f"no directory server can be used at the moment: {'; '.join(causes)}",
            alarm=any(failure.alarm for _, failure in failed),
        )

    def _is_any_probed(self) -> bool:
        return any(record.state is ServerState.HALF_OPEN for record in self._records.values())

    def _failures(self, record: _Record) -> int:
        settled = self._monotonic() - record.changed >= _MOST_BACK_OFF
        return 0 if record.state is ServerState.GOOD and settled else record.failures

    def _probe_from(self, record: _Record, *, urgent: bool) -> float:
        if record.state is ServerState.HALF_OPEN:
            return record.changed + (_URGENT if urgent else _MOST_BACK_OFF)
        return min(record.until, record.changed + _URGENT) if urgent else record.until

    def _quarantine(self, record: _Record, failure: DirectoryUnavailable, *, at_once: bool) -> None:
        record.failures = self._failures(record) + 1
        record.failure = failure
        record.epoch += 1
        self._turn(record, ServerState.QUARANTINED)
        record.until = record.changed
        if not at_once or record.failures > 1:
            # Bounded, since no number holds what a night of doublings comes to.
            doublings = min(record.failures - 1, _DOUBLINGS)
            back_off = min(_MOST_BACK_OFF, _FIRST_BACK_OFF * 2.0**doublings)
            record.until += back_off * (0.75 + self._random() / 2)

    def _turn(self, record: _Record, state: ServerState) -> None:
        if record.state is not state:
            record.since = self._clock()
            self._on_change(record.uri, state.value)
        record.state = state
        self._good = sum(each.state is ServerState.GOOD for each in self._records.values())
        record.changed = self._monotonic()
        self._changed.notify_all()


class QuickLosses:
    """Counts quick losses of connections for one purpose, until one of them is answered on."""

    __slots__ = ("_in_a_row", "_lock", "_servers")

    def __init__(self, servers: Servers) -> None:
        """Know of no loss yet.

        Args:
            servers: are told when a server has lost too many.
        """
        self._servers = servers
        self._in_a_row: dict[str, int] = {}
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        return bool(self._in_a_row)

    def record(self, uri: str, epoch: int, failure: DirectoryUnavailable) -> None:
        """Count a loss, and leave the server alone if it is one too many.

        Args:
            uri: the server.
            epoch: under which the connection was opened; an older one is no news.
            failure: what happened.
        """
        if self._servers.epoch(uri) != epoch:
            return
        with self._lock:
            losses = self._in_a_row[uri] = self._in_a_row.get(uri, 0) + 1
        if losses >= (_LOSSES_AMONG_SEVERAL if self._servers.has_alternatives() else _LOSSES_ALONE):
            self.clear(uri)
            self._servers.record_failure(uri, epoch, failure, probe_now=True)

    def clear(self, uri: str) -> None:
        """Forget the losses of a server that has answered."""
        with self._lock:
            self._in_a_row.pop(uri, None)
