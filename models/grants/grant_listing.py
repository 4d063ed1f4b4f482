"""Which grants live, and ending those that an operator chose.

Owns: that no statement reads more rows than the database answers within its bound, however many there are. By
grant or by person the index leads there. By client or time alone, and to find the person behind a Net ID, no
index helps: the whole table is walked by its key, newest first, a stretch a statement (SQLite: 0.4 s for a
million rows). Must not know: who may choose.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, or_, select, update

from models.audit.audit_store import record_after
from models.base import connection, rows_changed, table
from models.tables import ClientRow, GrantRow
from telemetry import AuditEvent

_GRANT, _CLIENT = table(GrantRow), table(ClientRow)
_STRETCH = 5000
_SELECT = select(
    _GRANT.c.id,
    _GRANT.c.client_id,
    _CLIENT.c.client_name,
    _GRANT.c.net_id,
    _GRANT.c.subject,
    _GRANT.c.scope,
    _GRANT.c.auth_time,
    _GRANT.c.live_until,
).select_from(_GRANT.outerjoin(_CLIENT, _CLIENT.c.client_id == _GRANT.c.client_id))

_Where = Sequence[ColumnElement[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveGrant:
    """A grant as it is listed. Times are seconds since the epoch; a client that was deleted has no name."""

    id: bytes
    client_id: str
    client_name: str | None
    net_id: str | None
    subject: str | None
    scope: str
    auth_time: int
    live_until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The live grants that match all that is given; `before` is of their login, seconds since the epoch."""

    grant_id: bytes | None = None
    subjects: Sequence[str] | None = None
    client_id: str | None = None
    before: int | None = None

    def where(self, now: int) -> _Where:
        """What a row must be to be meant, at `now`."""
        given: list[ColumnElement[bool]] = [_GRANT.c.revoked_at.is_(None), _GRANT.c.live_until > now]
        if self.grant_id is not None:
            given.append(_GRANT.c.id == self.grant_id)
        if self.subjects is not None:
            given.append(_GRANT.c.subject.in_(self.subjects))
        if self.client_id is not None:
            given.append(_GRANT.c.client_id == self.client_id)
        if self.before is not None:
            given.append(_GRANT.c.auth_time < self.before)
        return given

    def stretches(self, rows: int) -> Iterator[_Where]:
        """The parts of the table to look at, newest first: all at once where an index leads to the rows."""
        if self.grant_id is not None or self.subjects is not None:
            return iter([()])
        return _walk(rows)


def subjects_of(person: str, *, stretch: int = _STRETCH) -> Sequence[str]:
    """The stable ids that an operator may mean: `person` itself where a grant has it, else the Net ID's.

    Else whose pairwise `sub` it is, which is all that an API may have in its logs. More than one where a Net
    ID was given to another person, and both have grants. It is compared as it was stored, and costs a walk
    through the table.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    # To a driver, a NUL or half a character is an error.
    if not person.isprintable():
        return ()
    with connection() as link:
        if link.execute(select(_GRANT.c.id).where(_GRANT.c.subject == person).limit(1)).first():
            return (person,)
    # Not DISTINCT: for that SQLite would leave the key for the index on subjects, all of it at each stretch.
    named = select(_GRANT.c.subject).where(
        or_(_GRANT.c.net_id == person, _GRANT.c.sub == person), _GRANT.c.subject.is_not(None)
    )
    found: set[str] = set()
    for stretched in _walk(stretch):
        with connection() as link:
            found.update(link.scalars(named.where(*stretched)))
    return sorted(found)


def list_grants(
    selection: Selection, now: int, *, limit: int, stretch: int = _STRETCH
) -> tuple[Sequence[LiveGrant], bool]:
    """The live grants that were chosen, newest first, and whether there are more than `limit`.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    newest = _SELECT.where(*selection.where(now)).order_by(_GRANT.c.auth_time.desc(), _GRANT.c.id)
    found: list[LiveGrant] = []
    for stretched in selection.stretches(stretch):
        with connection() as link:
            rows = link.execute(newest.where(*stretched).limit(limit + 1 - len(found)))
            found += [LiveGrant(**_named(row)) for row in rows]
        if len(found) > limit:
            break
    # Keys of the first release are in order of hours alone.
    found.sort(key=lambda grant: -grant.auth_time)
    return found[:limit], len(found) > limit


def end_grants(
    selection: Selection, event: AuditEvent, now: int, *, batch: int = 1000, stretch: int = _STRETCH
) -> int:
    """End the live grants that were chosen, in batches, and tell of all of them in one audit row.

    Args:
        selection: which.
        event: the audit row; how many ended is put behind its reason. Where none did, it is not written.
        now: seconds since the epoch.
        batch: grants a transaction.
        stretch: rows to look at in one statement, where no index leads to the grants.

    Returns:
        How many ended.

    Raises:
        StoreUnavailable: what has not ended yet does at the next call.
    """
    ended = 0
    try:
        for stretched in selection.stretches(stretch):
            for count in _end(selection, stretched, now, batch):
                ended += count
    finally:
        # Whatever stopped it half-way, what has ended is told.
        if ended:
            record_after(event.with_count(f"{ended} ended"))
    return ended


def _end(selection: Selection, stretched: _Where, now: int, batch: int) -> Iterator[int]:
    live = select(_GRANT.c.id).where(*selection.where(now), *stretched).limit(batch)
    ids: Sequence[bytes] | None = None
    while ids is None or len(ids) == batch:
        # Found before the transaction that ends them, so that SQLite's is a writer from its first statement.
        with connection() as link:
            ids = link.scalars(live).all()
        if not ids:
            return
        with connection() as link:
            chosen = update(_GRANT).where(_GRANT.c.id.in_(ids), _GRANT.c.revoked_at.is_(None))
            count = rows_changed(link.execute(chosen.values(revoked_at=now)))
            link.commit()
        yield count


def _walk(rows: int) -> Iterator[_Where]:
    """Stretches of the table by its key, newest first. What is stored meanwhile is not looked for."""
    upper: list[ColumnElement[bool]] = []
    while True:
        first = select(_GRANT.c.id).where(*upper).order_by(_GRANT.c.id.desc()).offset(rows - 1).limit(1)
        with connection() as link:
            lowest = link.scalar(first)
        if lowest is None:
            yield upper
            return
        yield [_GRANT.c.id >= lowest, *upper]
        upper = [_GRANT.c.id < lowest]


def _named(row: Any) -> dict[str, Any]:
    return dict(row._mapping)  # noqa: SLF001 - its public name
