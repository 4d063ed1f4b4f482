"""Reading the audit table, newest first in order of time.

Owns: that no statement reads more rows than the database answers within its timeout. The table is read in key
order, one chunk a statement, because each index would cost every token another write. Keys follow the time at
which a row was stored. An event may be older than its row: a refusal waits up to a minute, and longer while
the database is away.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, select

from models.base import connection, table
from models.tables import AuditEventRow, ClientRow
from telemetry import AuditEvent

_AUDIT, _CLIENT = table(AuditEventRow), table(ClientRow)
_SELECT = select(
    _AUDIT.c.id, _CLIENT.c.client_name, *(_AUDIT.c[each.name] for each in fields(AuditEvent))
).select_from(_AUDIT.outerjoin(_CLIENT, _CLIENT.c.client_id == _AUDIT.c.client_id))
_CHUNK_ROWS = 5000
# Seconds by which a row with a lower key may be newer: transactions overlap, and clocks differ.
_LEEWAY = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSelection:
    """The events that match every given value; `since` and `until` are in seconds since the epoch.

    An event at `since` is selected, one at `until` is not. `event` may end in `*`: `token.*` means all events
    that begin with `token.`.
    """

    since: int
    until: int | None = None
    subjects: Sequence[str] | None = None
    client_id: str | None = None
    event: str | None = None
    name_digest: str | None = None
    request_id: str | None = None

    def where(self) -> list[ColumnElement[bool]]:
        """The conditions of a selected row."""
        given: list[ColumnElement[bool]] = [_AUDIT.c.at >= self.since]
        if self.until is not None:
            given.append(_AUDIT.c.at < self.until)
        if self.subjects is not None:
            given.append(_AUDIT.c.subject.in_(self.subjects))
        exact = {name: getattr(self, name) for name in ("client_id", "name_digest", "request_id")}
        given += [_AUDIT.c[name] == value for name, value in exact.items() if value is not None]
        if self.event is not None and self.event.endswith("*"):
            given.append(_AUDIT.c.event.startswith(self.event[:-1], autoescape=True))
        elif self.event is not None:
            given.append(_AUDIT.c.event == self.event)
        return given


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedEvent:
    """A listed event, with the name of its client. A deleted or unknown client has no name."""

    event: AuditEvent
    client_name: str | None


class _Chunk(NamedTuple):
    """The lowest and highest key of a part of the table, and the time of its newest event."""

    lower: int
    upper: int
    newest_at: int


def list_events(
    selection: AuditSelection, *, limit: int, chunk_rows: int = _CHUNK_ROWS
) -> tuple[Sequence[ListedEvent], bool]:
    """The selected events, newest first, and whether there are more than `limit`.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    newest = _SELECT.where(*selection.where()).order_by(_AUDIT.c.at.desc(), _AUDIT.c.id.desc())
    found: list[tuple[int, int, ListedEvent]] = []
    for chunk in _walk(chunk_rows):
        # Further chunks are no newer than this one, but for the leeway.
        oldest_wanted = found[limit][0] if len(found) > limit else selection.since
        if chunk.newest_at < oldest_wanted - _LEEWAY:
            break
        chosen = newest.where(_AUDIT.c.id >= chunk.lower, _AUDIT.c.id <= chunk.upper).limit(limit + 1)
        with connection() as link:
            for row in link.execute(chosen).mappings():
                members = dict(row)
                key, name = members.pop("id"), members.pop("client_name")
                listed = ListedEvent(event=AuditEvent(**members), client_name=name)
                found.append((listed.event.at, key, listed))
        found.sort(key=lambda each: each[:2], reverse=True)
        del found[limit + 1 :]
    return [listed for *_, listed in found[:limit]], len(found) > limit


def _walk(rows: int) -> Iterator[_Chunk]:
    """The chunks of the table, from the highest key down."""
    with connection() as link:
        upper = link.scalar(select(func.max(_AUDIT.c.id)))
    while upper is not None:
        lower = upper - rows + 1
        with connection() as link:
            is_in = (_AUDIT.c.id >= lower, _AUDIT.c.id <= upper)
            newest_at = link.scalar(select(func.max(_AUDIT.c.at)).where(*is_in))
        yield _Chunk(lower, upper, newest_at or 0)
        with connection() as link:
            upper = link.scalar(select(func.max(_AUDIT.c.id)).where(_AUDIT.c.id < lower))
