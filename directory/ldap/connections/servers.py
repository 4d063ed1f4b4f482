"""The state of each directory server: which servers may be used now, and in what order.

Owns: quarantine and back-off after failures, when a server is probed again, and how many quickly lost
connections a server may have. Must not know: sockets, LDAP, what a failure was.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from directory.contract import DirectoryUnavailable

# Back-off in seconds. It doubles with each further failure, up to the maximum.
_FIRST_BACK_OFF = 0.5
_MAX_BACK_OFF = 30.0
_MAX_DOUBLINGS = 8
# Seconds. While no server is good, each is probed at least this often, so that logins recover with it.
_URGENT_PROBE_INTERVAL = 1.0
# Lost connections in a row. The network may cause one; after the second, logins use another good server.
_MAX_LOSSES_WITH_ALTERNATIVES: Final = 2
MAX_LOSSES_ALONE: Final = 10
"""Lost connections in a row that quarantine the only good server, or fail its probe. A quick loss holds no
thread, and there is no alternative."""


class ServerState(StrEnum):
    """A server is good, or quarantined after a failure, or half open while a probe runs."""

    GOOD = "good"
    QUARANTINED = "quarantined"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """The state of one server.

    `since` is when the state began, in seconds since the epoch. `failures` counts failures in a row; it
    returns to 0 once the server was good for the longest back-off. `cause` is the last failure, as a sentence
    for the operator; it is kept when the server recovers. `alarm` says that an operator must act.
    """

    uri: str
    state: ServerState
    since: float
    failures: int
    cause: str | None
    alarm: bool


@dataclass(slots=True)
class _Record:
    """One server. Times are of the monotonic clock, except `since`."""

    uri: str
    since: float
    state: ServerState = ServerState.GOOD
    changed_at: float = 0.0
    failures: int = 0
    failure: DirectoryUnavailable | None = None
    retry_at: float = 0.0
    urgent_retry_at: float = 0.0
    # Connections that were opened under an earlier epoch are not trusted.
    epoch: int = 0


class Servers:
    """The servers in order of preference, with the state of each."""

    def __init__(
        self,
        uris: Sequence[str],
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        random: Callable[[], float],
        on_change: Callable[[str, str], None] = lambda _uri, _state: None,
    ) -> None:
        """Start with every server good.

        Args:
            uris: in order of preference; none for the embedded directory.
            clock: seconds since the epoch.
            monotonic: seconds since any moment.
            random: returns a number from 0 to 1; the jitter keeps processes from retrying at the same moment.
            on_change: called with a server and its new state. It must be quick, and must not call this
                object.
        """
        self._clock, self._monotonic, self._random, self._on_change = clock, monotonic, random, on_change
        self._state_changed = threading.Condition()
        self._records = {uri: _Record(uri, clock()) for uri in uris}
        self._good = len(self._records)

    def candidates(self, *, prefer: str | None = None, avoid: str | None = None) -> list[str]:
        """List the good servers in the order in which to connect to them.

        The order is that of preference. A server that has just recovered comes last until it was good for the
        longest back-off; only then do new connections return to it.

        Args:
            prefer: the server to list first, if it is good.
            avoid: the server to list last.
        """
        good = [record for record in self._records.values() if record.state is ServerState.GOOD]
        good.sort(
            key=lambda record: (record.uri == avoid, record.uri != prefer, self._recent_failures(record) > 0)
        )
        return [record.uri for record in good]

    def has_alternatives(self) -> bool:
        """Return whether more than one server is good."""
        return self._good > 1

    def are_all_good(self) -> bool:
        """Return whether every server is good, so that no probe can be due."""
        return self._good == len(self._records)

    def is_good(self, uri: str) -> bool:
        """Return whether a server is good."""
        record = self._records.get(uri)
        return record is not None and record.state is ServerState.GOOD

    def epoch(self, uri: str) -> int:
        """Return the epoch of connections that are opened to a server now."""
        record = self._records.get(uri)
        return record.epoch if record else 0

    def trusts(self, uri: str, epoch: int) -> bool:
        """Return whether a connection that was opened in `epoch` may still be used."""
        record = self._records.get(uri)
        return record is None or (record.state is ServerState.GOOD and record.epoch == epoch)

    def distrust(self, uri: str, epoch: int) -> None:
        """Begin a new epoch: one idle connection was dead, so others may be, but the server may be fine."""
        with self._state_changed:
            record = self._records.get(uri)
            if record is not None and record.epoch == epoch:
                record.epoch += 1

    def record_failure(
        self,
        uri: str,
        epoch: int,
        failure: DirectoryUnavailable,
        *,
        probe_now: bool = False,
        is_quick: bool = False,
    ) -> None:
        """Quarantine a server after a failure.

        Args:
            uri: the server; an unknown one is ignored.
            epoch: of the failed connection; a failure from an earlier epoch is ignored.
            failure: what happened.
            probe_now: whether the connection alone may have failed. The first failure in a row then makes a
                probe due at once.
            is_quick: whether the failure held no login. While no server is good, each such failure makes a
                probe due at once.
        """
        with self._state_changed:
            record = self._records.get(uri)
            if record is not None and record.epoch == epoch and record.state is ServerState.GOOD:
                self._quarantine(record, failure, at_once=probe_now, is_quick=is_quick)

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
        with self._state_changed:
            now = self._monotonic()
            due = [
                record
                for record in self._records.values()
                if record.state is not ServerState.GOOD and now >= self._probe_due_at(record, urgent=urgent)
            ]
            for record in due:
                self._set_state(record, ServerState.HALF_OPEN)
            return [record.uri for record in due]

    def probe_succeeded(self, uri: str) -> None:
        """Mark a server as good: it has answered its probe."""
        with self._state_changed:
            if self._records[uri].state is not ServerState.GOOD:
                self._set_state(self._records[uri], ServerState.GOOD)

    def probe_failed(self, uri: str, failure: DirectoryUnavailable) -> None:
        """Quarantine a server for longer, unless another probe of it has succeeded meanwhile."""
        with self._state_changed:
            if self._records[uri].state is ServerState.HALF_OPEN:
                self._quarantine(self._records[uri], failure, at_once=False)

    def probed_within(self, seconds: float) -> bool:
        """Return whether a probe is running that began within the last `seconds`."""
        since = self._monotonic() - seconds
        return any(r.state is ServerState.HALF_OPEN and r.changed_at > since for r in self._records.values())

    def wait_for_good(self, seconds: float) -> None:
        """Wait until a server is good, no probe is running, or the time is over."""
        with self._state_changed:
            self._state_changed.wait_for(lambda: self._good > 0 or not self._is_any_probe_running(), seconds)

    def statuses(self) -> list[ServerStatus]:
        """Return the state of each server, in order of preference."""
        with self._state_changed:
            return [
                ServerStatus(
                    uri=record.uri,
                    state=record.state,
                    since=record.since,
                    failures=self._recent_failures(record),
                    cause=record.failure.cause if record.failure else None,
                    alarm=record.failure.alarm if record.failure else False,
                )
                for record in self._records.values()
            ]

    def outage(self) -> DirectoryUnavailable:
        """Return the failure for a login when no server is good."""
        failed = [(record.uri, record.failure) for record in self._records.values() if record.failure]
        causes = [
            failure.cause if uri in failure.cause else f"{uri}: {failure.cause}" for uri, failure in failed
        ]
        return DirectoryUnavailable(
            f"no directory server can be used at the moment: {'; '.join(causes)}",
            alarm=any(failure.alarm for _, failure in failed),
        )

    def _is_any_probe_running(self) -> bool:
        return any(record.state is ServerState.HALF_OPEN for record in self._records.values())

    def _recent_failures(self, record: _Record) -> int:
        is_settled = self._monotonic() - record.changed_at >= _MAX_BACK_OFF
        return 0 if record.state is ServerState.GOOD and is_settled else record.failures

    def _probe_due_at(self, record: _Record, *, urgent: bool) -> float:
        if record.state is ServerState.HALF_OPEN:
            return record.changed_at + (_URGENT_PROBE_INTERVAL if urgent else _MAX_BACK_OFF)
        return min(record.retry_at, record.urgent_retry_at) if urgent else record.retry_at

    def _quarantine(
        self, record: _Record, failure: DirectoryUnavailable, *, at_once: bool, is_quick: bool = False
    ) -> None:
        record.failures = self._recent_failures(record) + 1
        record.failure = failure
        record.epoch += 1
        self._set_state(record, ServerState.QUARANTINED)
        record.urgent_retry_at = record.changed_at + (0 if is_quick else _URGENT_PROBE_INTERVAL)
        record.retry_at = record.changed_at
        if not at_once or record.failures > 1:
            # Bounded: a float cannot hold the doublings of a whole night.
            doublings = min(record.failures - 1, _MAX_DOUBLINGS)
            back_off = min(_MAX_BACK_OFF, _FIRST_BACK_OFF * 2.0**doublings)
            record.retry_at += back_off * (0.75 + self._random() / 2)

    def _set_state(self, record: _Record, state: ServerState) -> None:
        if record.state is not state:
            record.since = self._clock()
            self._on_change(record.uri, state.value)
        record.state = state
        self._good = sum(each.state is ServerState.GOOD for each in self._records.values())
        record.changed_at = self._monotonic()
        self._state_changed.notify_all()


class QuickLosses:
    """Counts quickly lost connections of one purpose, for each server, until a connection gets an answer."""

    __slots__ = ("_in_a_row", "_lock", "_servers")

    def __init__(self, servers: Servers) -> None:
        """Start without any loss.

        Args:
            servers: the state of each server; a server with too many losses is reported to it.
        """
        self._servers = servers
        self._in_a_row: dict[str, int] = {}
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        return bool(self._in_a_row)

    def record(self, uri: str, epoch: int, failure: DirectoryUnavailable) -> None:
        """Count a loss, and quarantine the server after too many in a row.

        Args:
            uri: the server.
            epoch: of the lost connection; a loss from an earlier epoch is ignored.
            failure: what happened.
        """
        if self._servers.epoch(uri) != epoch:
            return
        with self._lock:
            losses = self._in_a_row[uri] = self._in_a_row.get(uri, 0) + 1
        if losses >= (
            _MAX_LOSSES_WITH_ALTERNATIVES if self._servers.has_alternatives() else MAX_LOSSES_ALONE
        ):
            self.clear(uri)
            self._servers.record_failure(uri, epoch, failure, probe_now=True, is_quick=True)

    def clear(self, uri: str) -> None:
        """Clear the losses of a server that has answered."""
        with self._lock:
            self._in_a_row.pop(uri, None)
