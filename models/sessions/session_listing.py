"""Listing live sessions, and ending those that an operator selects.

Owns: that many sessions end in small transactions. Must not know: who may select. The table is small beside
that of grants: a session is one browser of one user, not one call of a program.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, select

from models.audit.audit_store import record_after
from models.base import connection, table
from models.database.driver import DriverConnection
from models.sessions.session_end import end_one
from models.sessions.session_store import SESSION_COLUMNS, SignInSession
from models.sign_in_tables import SignInSessionRow
from telemetry import AuditEvent

_SESSION = table(SignInSessionRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSelection:
    """The live sessions that match every given value; all of them if none is given."""

    session_id: bytes | None = None
    subjects: Sequence[str] | None = None

    def where(self, now: int) -> Sequence[ColumnElement[bool]]:
        """The conditions of a selected row at `now`. A session that was idle for too long counts as live."""
        given: list[ColumnElement[bool]] = [_SESSION.c.ended_at.is_(None), _SESSION.c.expires_at > now]
        if self.session_id is not None:
            given.append(_SESSION.c.id == self.session_id)
        if self.subjects is not None:
            given.append(_SESSION.c.subject.in_(self.subjects))
        return given


class EndedSessions(NamedTuple):
    """How many sessions ended, and how many grants with them."""

    sessions: int
    grants: int


def list_sessions(
    selection: SessionSelection, now: int, *, used_since: int, limit: int
) -> tuple[Sequence[SignInSession], bool]:
    """The selected live sessions, the one that was used last first, and whether there are more than `limit`.

    Args:
        selection: which sessions.
        now: seconds since the epoch.
        used_since: leaves out sessions that were last used before, in seconds since the epoch.
        limit: how many to return.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    chosen = select(*SESSION_COLUMNS).where(*selection.where(now), _SESSION.c.last_used_at >= used_since)
    ordered = chosen.order_by(_SESSION.c.last_used_at.desc(), _SESSION.c.id).limit(limit + 1)
    with connection() as link:
        found = [SignInSession._make(row) for row in link.execute(ordered)]
    return found[:limit], len(found) > limit


def count_sessions(selection: SessionSelection, now: int) -> int:
    """How many live sessions are selected.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    with connection() as link:
        return link.scalar(select(func.count()).select_from(_SESSION).where(*selection.where(now))) or 0


def session_subjects_of(person: str) -> Sequence[str]:
    """The stable ids of the users with an unended session whose stable id or Net ID is `person`.

    A stable id means itself alone, as for `subjects_of`.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    # Drivers refuse a NUL and a lone surrogate.
    if not person.isprintable():
        return ()
    named = select(_SESSION.c.subject).where(_SESSION.c.ended_at.is_(None))
    with connection() as link:
        if link.execute(named.where(_SESSION.c.subject == person).limit(1)).first():
            return (person,)
        return sorted(set(link.scalars(named.where(_SESSION.c.net_id == person))))


def end_sessions(
    selection: SessionSelection, event: AuditEvent, now: int, *, batch: int = 200
) -> EndedSessions:
    """End the selected live sessions in batches, as `SessionStore.end` does, with one audit row for all.

    Args:
        selection: which sessions.
        event: the audit row; both counts are appended to its reason. It is not written if none ended.
        now: seconds since the epoch.
        batch: sessions a transaction.

    Raises:
        StoreUnavailable: some sessions have not ended; another call ends them.
    """
    sessions = grants = 0
    ids: Sequence[bytes] | None = None
    try:
        while ids is None or len(ids) == batch:
            # Read before the transaction, so that SQLite's transaction writes from its first statement.
            with connection() as link:
                ids = link.scalars(select(_SESSION.c.id).where(*selection.where(now)).limit(batch)).all()
            if ids:
                ended = _end(ids, now)
                sessions, grants = sessions + ended.sessions, grants + ended.grants
    finally:
        # The audit row is written even if an error stopped the work half-way.
        if sessions:
            record_after(event.with_count(f"{sessions} sessions, {grants} grants"))
    return EndedSessions(sessions, grants)


def _end(ids: Sequence[bytes], now: int) -> EndedSessions:
    with DriverConnection() as link:
        ended = [found for each in sorted(ids) if (found := end_one(link, each, at=now)) is not None]
        link.commit()
    return EndedSessions(len(ended), sum(each.grants for each in ended))
