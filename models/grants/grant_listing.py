"""Listing live grants, and ending those that an operator selects.

Owns: that no statement reads more rows than the database answers within its timeout. An index leads to the
grants of an id or a person. Nothing leads to those of a client, a time or a Net ID: the whole table is read
in key order, newest first, some thousand rows a statement (SQLite: 0.4 s for a million rows). Must not know:
who may select.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, or_, select, update

from models.audit.audit_store import record_after
from models.base import connection, rows_changed, table
from models.grants.unused_codes import end_unused_codes
from models.tables import ClientRow, GrantRow
from telemetry import AuditEvent

_GRANT, _CLIENT = table(GrantRow), table(ClientRow)
_CHUNK_ROWS = 5000
_CHUNK_INDEX_ROWS = 20_000
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
_COUNT_LIVE = (
    select(func.count())
    .select_from(_GRANT)
    .where(
        _GRANT.c.subject == bindparam("subject"),
        _GRANT.c.client_id == bindparam("client_id"),
        _GRANT.c.revoked_at.is_(None),
        _GRANT.c.live_until > bindparam("now"),
    )
)

_Where = Sequence[ColumnElement[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveGrant:
    """A listed grant. Times are seconds since the epoch; a deleted client has no name."""

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
    """The live grants that match every given value; `before` bounds the time of login, in epoch seconds."""

    grant_id: bytes | None = None
    subjects: Sequence[str] | None = None
    client_id: str | None = None
    before: int | None = None

    def where(self, now: int) -> _Where:
        """The conditions of a selected row at `now`."""
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

    def chunks(self, rows: int) -> Iterator[_Where]:
        """The parts of the table to read, newest first; one part if an index leads to the rows."""
        if self.grant_id is not None or self.subjects is not None:
            return iter([()])
        return _walk(rows)


def subjects_of(person: str, *, chunk_rows: int = _CHUNK_ROWS) -> Sequence[str]:
    """The stable ids that an operator may mean by `person`: a stable id, a Net ID or a pairwise `sub`.

    A stable id that has a grant means itself. Otherwise the whole table is read for grants with this Net ID
    or pairwise `sub`, which may be all that an API has in its logs. A Net ID has several stable ids if it was
    given to another person and both have grants. Values are compared as stored.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    # Drivers refuse a NUL and a lone surrogate.
    if not person.isprintable():
        return ()
    with connection() as link:
        if link.execute(select(_GRANT.c.id).where(_GRANT.c.subject == person).limit(1)).first():
            return (person,)
    # Not DISTINCT: SQLite would read the whole index on subjects for each chunk instead of the key.
    named = select(_GRANT.c.subject).where(
        or_(_GRANT.c.net_id == person, _GRANT.c.sub == person), _GRANT.c.subject.is_not(None)
    )
    found: set[str] = set()
    for chunk in _walk(chunk_rows):
        with connection() as link:
            found.update(link.scalars(named.where(*chunk)))
    return sorted(found)


def list_grants(
    selection: Selection, now: int, *, limit: int, chunk_rows: int = _CHUNK_ROWS
) -> tuple[Sequence[LiveGrant], bool]:
    """The selected live grants, newest first, and whether there are more than `limit`.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    newest = _SELECT.where(*selection.where(now)).order_by(_GRANT.c.auth_time.desc(), _GRANT.c.id)
    found: list[LiveGrant] = []
    for chunk in selection.chunks(chunk_rows):
        with connection() as link:
            rows = link.execute(newest.where(*chunk).limit(limit + 1 - len(found)))
            found += [LiveGrant(**_named(row)) for row in rows]
        if len(found) > limit:
            break
    return found[:limit], len(found) > limit


def count_grants(selection: Selection, now: int, *, chunk_rows: int = _CHUNK_ROWS) -> int:
    """How many live grants are selected.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    live = select(func.count()).select_from(_GRANT).where(*selection.where(now))
    count = 0
    for chunk in selection.chunks(chunk_rows):
        with connection() as link:
            count += link.scalar(live.where(*chunk)) or 0
    return count


def end_grants(
    selection: Selection, event: AuditEvent, now: int, *, batch: int = 1000, chunk_rows: int = _CHUNK_ROWS
) -> int:
    """End the selected live grants in batches, with one audit row for all of them.

    Unused codes of the same people and clients end first, so that none gives a grant after the others ended.
    No code belongs to one grant, so the id of a grant ends none.

    Args:
        selection: which grants.
        event: the audit row; the numbers of ended grants and codes are appended to its reason. It is not
            written if none ended.
        now: seconds since the epoch.
        batch: grants a transaction.
        chunk_rows: rows a statement reads, if no index leads to the grants.

    Returns:
        How many grants ended.

    Raises:
        StoreUnavailable: some grants have not ended; another call ends them.
    """
    ended = codes = 0
    try:
        codes = _end_codes(selection, now)
        for chunk in selection.chunks(chunk_rows):
            for count in _end(selection, chunk, now, batch):
                ended += count
    finally:
        # The audit row is written even if an error stopped the work half-way.
        if ended or codes:
            counted = f"{ended} ended, {codes} unused codes" if codes else f"{ended} ended"
            record_after(event.with_count(counted))
    return ended


def _end_codes(selection: Selection, now: int) -> int:
    if selection.grant_id is not None:
        return 0
    return end_unused_codes(
        subjects=selection.subjects, client_id=selection.client_id, before=selection.before, now=now
    )


def _end(selection: Selection, chunk: _Where, now: int, batch: int) -> Iterator[int]:
    live = select(_GRANT.c.id).where(*selection.where(now), *chunk).limit(batch)
    ids: Sequence[bytes] | None = None
    while ids is None or len(ids) == batch:
        # Read before the transaction, so that SQLite's transaction writes from its first statement.
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
    """Chunks of the table in key order, newest first. Rows stored meanwhile are not read."""
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


def people_at_cap(per_person: int, now: int, *, chunk_rows: int = _CHUNK_INDEX_ROWS) -> dict[str, int]:
    """The number of people at or beyond the cap of live grants, by client id.

    Reads the index on person and client in chunks, and rows only of people who may be at the cap.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    pairs = select(_GRANT.c.client_id, _GRANT.c.subject).group_by(_GRANT.c.subject, _GRANT.c.client_id)
    people: dict[str, int] = {}
    for chunk in _walk_people(chunk_rows):
        with connection() as link:
            many = link.execute(pairs.where(*chunk).having(func.count() >= per_person)).all()
            for client_id, subject in many:
                pair = {"client_id": client_id, "subject": subject, "now": now}
                if (link.scalar(_COUNT_LIVE, pair) or 0) >= per_person:
                    people[client_id] = people.get(client_id, 0) + 1
    return people


def _walk_people(rows: int) -> Iterator[list[ColumnElement[bool]]]:
    """Chunks of the index by person. All rows of one person are in the same chunk."""
    lower: list[ColumnElement[bool]] = [_GRANT.c.subject.is_not(None)]
    while True:
        last = select(_GRANT.c.subject).where(*lower).order_by(_GRANT.c.subject).offset(rows - 1).limit(1)
        with connection() as link:
            highest = link.scalar(last)
        if highest is None:
            yield lower
            return
        yield [*lower, _GRANT.c.subject <= highest]
        lower = [_GRANT.c.subject > highest]
