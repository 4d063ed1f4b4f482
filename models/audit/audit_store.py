"""Audit rows outside a token's transaction: single rows, and refusals, which are merged.

Owns: which rows may wait and which may be lost. A token's row is stored in the token's transaction, and
without it there is no token. A revocation is stored before its row, and is valid without it. Refusals are
best effort: a flood of refusals must not become a flood of writes.
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
# Fields that a merged row keeps if all its refusals agree.
_SHARED = ("grant_id", "address", "scope", "name_digest", "hint", "user_agent", "app_password_id")
# Seconds to wait for a lock with a row that may be lost.
_LOCK_WAIT = 0.25

_Kind = tuple[str, str | None, str | None, str | None, str | None]


def record(event: AuditEvent) -> None:
    """Store one audit row in its own transaction.

    Raises:
        StoreUnavailable: it was not stored.
    """
    with connection() as link:
        link.execute(_INSERT, dict(event.fields()))
        link.commit()


def record_after(event: AuditEvent) -> None:
    """Store the row of a change that is already stored, if the table is free; else only the log has it.

    Args:
        event: the event of a revocation, which must neither wait for a locked table nor fail with it.
    """
    with contextlib.suppress(StoreUnavailable):
        _write([event])


def _write(events: Sequence[AuditEvent]) -> None:
    with connection(patience=_LOCK_WAIT) as link:
        link.execute(_INSERT, [dict(event.fields()) for event in events])
        link.commit()


def _write_waiting(events: Sequence[AuditEvent], clock: Callable[[], float]) -> None:
    """Store rows that waited, perhaps since before this process knew the database's clock.

    Until then, times come from the machine's clock. If that is ahead, a row would mislead every process that
    starts about the time (`server_clock.py`). So no row is stored with a time after now.
    """
    with connection(patience=_LOCK_WAIT) as link:
        now = int(clock())
        rows = [dict(replace(event, at=min(event.at, now)).fields()) for event in events]
        link.execute(_INSERT, rows)
        link.commit()


class RefusalLedger:
    """The refusals of this process: at most one row in `every` seconds for each kind, with their number.

    A kind is an event with its client, grant type, reason and person. A single refusal after a quiet time is
    written unchanged at once. A killed process loses the refusals that it had not written.
    """

    def __init__(self, clock: Callable[[], float], *, every: int = 60, most: int = 200) -> None:
        """Begin without refusals.

        Args:
            clock: seconds since the epoch.
            every: seconds between two writes.
            most: the most kinds in one write. Beyond it, rows are merged and the person is left out.
        """
        self._clock = clock
        self._every = every
        self._most = most
        self._lock = Lock()
        self._pending: dict[_Kind, AuditEvent] = {}
        self._written_at = float("-inf")

    def add(self, event: AuditEvent) -> None:
        """Count an event, to be written with a later one. Never raises or waits."""
        with self._lock:
            self._add(event)

    def note(self, event: AuditEvent) -> None:
        """Count a refusal, and write if it is due. Never raises."""
        self.add(event)
        self.write_due()

    def write_due(self) -> None:
        """Write the waiting rows if the last write is long enough ago. Never raises."""
        if self._pending and not 0 <= self._clock() - self._written_at < self._every:
            self.write()

    def write(self) -> None:
        """Write the waiting rows now; rows that cannot be written keep waiting. Never raises."""
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
        kind = (event.event, event.client_id, event.grant_type, event.reason, event.subject)
        if kind not in self._pending and len(self._pending) >= self._most:
            event = replace(event, subject=None)
            kind = (event.event, event.client_id, event.grant_type, event.reason, None)
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
