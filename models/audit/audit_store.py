"""The audit table beside the rows that belong to a token: one row by itself, and refusals, many in one row.

Owns: what may wait and what may be lost. A token's own row is written with the token, and without it there
is no token; a revocation is stored before its row, and stands without it; refusals are best effort, since a
flood of them must not become a flood of writes.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Lock
from typing import Any

from sqlalchemy import insert

from models.base import StoreUnavailable, connection, table
from models.tables import AuditEventRow
from telemetry import AuditEvent

_INSERT = insert(table(AuditEventRow)).inline()
# Of refusals in one row, those fields that all of them share.
_SHARED = ("grant_id", "address", "scope", "name_digest", "hint")
# Seconds that a row which may be lost waits for a lock.
_LOCK_WAIT = 0.25

_Kind = tuple[str, str | None, str | None, str | None]


def record(event: AuditEvent) -> None:
    """Store one audit row by itself.

    Raises:
        StoreUnavailable: it was not stored.
    """
    with connection() as link:
        link.execute(_INSERT, dict(event.fields()))
        link.commit()


def record_after(event: AuditEvent) -> None:
    """Store the row of what has been stored already, if that can be done at once; else it is only in the log.

    Args:
        event: of a revocation, which must not wait for a table that is locked, nor fail with it.
    """
    with contextlib.suppress(StoreUnavailable):
        _write([event])


def _write(events: Sequence[AuditEvent]) -> None:
    with connection(patience=_LOCK_WAIT) as link:
        link.execute(_INSERT, [dict(event.fields()) for event in events])
        link.commit()


def _write_waiting(events: Sequence[AuditEvent], clock: Callable[[], float]) -> None:
    """Store rows that waited, perhaps since before this process had seen the database and its clock.

    Until then times are those of the machine's own clock. Where that is ahead, a row would be a mark in the
    future for every process that starts (`server_clock.py`). What waits is never newer than now.
    """
    with connection(patience=_LOCK_WAIT) as link:
        now = int(clock())
        rows = [dict(replace(event, at=min(event.at, now)).fields()) for event in events]
        link.execute(_INSERT, rows)
        link.commit()


class RefusalLedger:
    """Refusals of this process: at most one row in `every` seconds for each kind, with how many there were.

    A kind is an event with its client, reason and person. A single refusal after a quiet time is written at
    once and as it is. A process that is killed loses what it had not written.
    """

    def __init__(self, clock: Callable[[], float], *, every: int = 60, most: int = 200) -> None:
        """Begin with nothing.

        Args:
            clock: seconds since the epoch.
            every: seconds between two writes.
            most: kinds in one write; of what goes beyond, the person is not told.
        """
        self._clock = clock
        self._every = every
        self._most = most
        self._lock = Lock()
        self._pending: dict[_Kind, AuditEvent] = {}
        self._written_at = float("-inf")

    def add(self, event: AuditEvent) -> None:
        """Count an event that is written with a later one. Nothing is raised, and nothing waits."""
        with self._lock:
            self._add(event)

    def note(self, event: AuditEvent) -> None:
        """Count a refusal, and write what is due. Nothing is raised."""
        self.add(event)
        self.write_due()

    def write_due(self) -> None:
        """Write what waits, where the last write is long enough ago. Nothing is raised."""
        if self._pending and not 0 <= self._clock() - self._written_at < self._every:
            self.write()

    def write(self) -> None:
        """Write what waits now; what cannot be written waits on. Nothing is raised."""
        with self._lock:
            events, self._pending = list(self._pending.values()), {}
            self._written_at = self._clock()
        if not events:
            return
        try:
            _write_waiting(events, self._clock)
        except StoreUnavailable:
            with self._lock:
                for event in events:
                    self._add(event)

    def _add(self, event: AuditEvent) -> None:
        kind = (event.event, event.client_id, event.reason, event.subject)
        if kind not in self._pending and len(self._pending) >= self._most:
            event = replace(event, subject=None)
            kind = (event.event, event.client_id, event.reason, None)
        known = self._pending.get(kind)
        if known is not None:
            shared: dict[str, Any] = {
                name: _same(getattr(known, name), getattr(event, name)) for name in _SHARED
            }
            times = (known.times or 1) + (event.times or 1)
            event = replace(known, **shared, times=times, request_id=None, duration_ms=None)
        self._pending[kind] = event


def _same(one: str | None, other: str | None) -> str | None:
    return one if one == other else None
