"""Reading the audit table, newest first.

Owns: that no statement reads more rows than the database answers within its timeout. The table is read in key
order, one chunk a statement, because each index would cost every token another write.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

from sqlalchemy import ColumnElement, select

from models.base import connection, table
from models.tables import AuditEventRow
from telemetry import AuditEvent

_AUDIT = table(AuditEventRow)
_COLUMNS = [_AUDIT.c[each.name] for each in fields(AuditEvent)]
_CHUNK_ROWS = 5000
# Seconds by which times may differ from the order of keys: transactions overlap, and clocks differ.
_LEEWAY = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSelection:
    """The events that match every given value; `since` is in seconds since the epoch.

    `event` may end in `*`: `token.*` means all events that begin with `token.`.
    """

    since: int
    subjects: Sequence[str] | None = None
    client_id: str | None = None
    event: str | None = None
    name_digest: str | None = None

    def where(self) -> list[ColumnElement[bool]]:
        """The conditions of a selected row."""
        given: list[ColumnElement[bool]] = [_AUDIT.c.at >= self.since]
        if self.subjects is not None:
            given.append(_AUDIT.c.subject.in_(self.subjects))
        if self.client_id is not None:
            given.append(_AUDIT.c.client_id == self.client_id)
        if self.name_digest is not None:
            given.append(_AUDIT.c.name_digest == self.name_digest)
        if self.event is not None and self.event.endswith("*"):
            given.append(_AUDIT.c.event.startswith(self.event[:-1], autoescape=True))
        elif self.event is not None:
            given.append(_AUDIT.c.event == self.event)
        return given


def list_events(
    selection: AuditSelection, *, limit: int, chunk_rows: int = _CHUNK_ROWS
) -> tuple[Sequence[AuditEvent], bool]:
    """The selected events, newest first, and whether there are more than `limit`.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    newest = select(*_COLUMNS).where(*selection.where()).order_by(_AUDIT.c.id.desc())
    found: list[AuditEvent] = []
    for lower, upper in _walk(selection.since, chunk_rows):
        with connection() as link:
            chosen = newest.where(_AUDIT.c.id >= lower, _AUDIT.c.id <= upper).limit(limit + 1 - len(found))
            found += [AuditEvent(**row) for row in link.execute(chosen).mappings()]
        if len(found) > limit:
            break
    return found[:limit], len(found) > limit


def _walk(since: int, rows: int) -> Iterator[tuple[int, int]]:
    """The lowest and highest key of each chunk of the table, newest first, back to `since`."""
    with connection() as link:
        upper = link.scalar(select(_AUDIT.c.id).order_by(_AUDIT.c.id.desc()).limit(1)) or 0
    while upper > 0:
        lower = max(1, upper - rows + 1)
        yield lower, upper
        with connection() as link:
            # The newest row below. If there is none, or it is too old, the rest need not be read.
            below = select(_AUDIT.c.id, _AUDIT.c.at).where(_AUDIT.c.id < lower)
            row = link.execute(below.order_by(_AUDIT.c.id.desc()).limit(1)).one_or_none()
        if row is None or row.at < since - _LEEWAY:
            return
        upper = row.id
