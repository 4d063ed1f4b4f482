"""People whom the directory no longer has: when to believe it, and the end of their grants and sessions.

Owns: that nothing ends on the word of one server within a day, and that one fault cannot end the grants of
many people. Must not know: how a person is looked up.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from models.app_passwords.app_password_store import ENDED, AppPasswordStore
from models.base import connection, rows_changed, table
from models.sessions.session_listing import SessionSelection, end_sessions
from models.tables import DEFAULT_DIRECTORY, AuditEventRow, GrantRow, MissingPersonRow
from telemetry import AuditEvent

_DAY = 86_400
_LONGEST_GRANT = 180 * _DAY
_MAX_SERVER_LENGTH = 255
_MISSING, _GRANT = table(MissingPersonRow), table(GrantRow)
_INSERT_AUDIT = insert(table(AuditEventRow)).inline()
_IS_PERSON = (_MISSING.c.subject == bindparam("of_subject")) & (
    _MISSING.c.directory == bindparam("of_directory")
)
_SELECT = select(_MISSING).where(_IS_PERSON)
# The limit is soft: concurrent requests may each be the last that it admits.
_COUNT_CONFIRMED = (
    select(func.count()).select_from(_MISSING).where(_MISSING.c.confirmed_at > bindparam("since"))
)
_DELETE = delete(_MISSING).where(_IS_PERSON)
# The limit no longer counts the first kind of row; of the second kind, no grant can be left.
_DELETE_OVER = delete(_MISSING).where(
    (_MISSING.c.confirmed_at <= bindparam("now") - _DAY)
    | (_MISSING.c.first_missed_at <= bindparam("now") - _LONGEST_GRANT)
)
_CONFIRM = update(_MISSING).where(_IS_PERSON)
_END = update(_GRANT).where(
    _GRANT.c.subject == bindparam("of_subject"),
    _GRANT.c.directory == bindparam("of_directory"),
    _GRANT.c.revoked_at.is_(None),
    _GRANT.c.live_until > bindparam("now"),
)

_Person = Mapping[str, str]


class MissingPerson(StrEnum):
    """What is believed of a missing person: nothing yet, that they are gone, or that too many are missing."""

    UNCERTAIN = "uncertain"
    GONE = "gone"
    BRAKED = "braked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """The outcome of a miss.

    `event` is the audit row of the grants that it ended, if any, and `session_event` that of the sessions.
    """

    absence: MissingPerson
    event: AuditEvent | None = None
    session_event: AuditEvent | None = None


class MissingPersonStore:
    """The missing people in the database. At most `mass_removal_limit` people are believed gone a day."""

    def __init__(self, *, mass_removal_limit: int = 20) -> None:
        self._mass_removal_limit = mass_removal_limit

    def missed(
        self, subject: str, servers: Sequence[str], event: AuditEvent, *, directory: str = DEFAULT_DIRECTORY
    ) -> Missed:
        """Record that a person was not found, and end all they have once they are certainly gone.

        A person is certainly gone when two servers did not find them, or when a look-up a day after the first
        miss fails too. The row and the end of the grants are one transaction. Sessions end after it, with the
        notices to their clients, and then app passwords; what an error leaves ends at the next miss.

        Args:
            subject: the person's stable id.
            servers: the servers that did not find the person; empty if the directory does not name servers.
            event: the audit row of what ends. Its `at` is now; the number of ended grants is appended to its
                reason.
            directory: the name of the directory that `subject` belongs to.

        Raises:
            StoreUnavailable: what was not stored is stored at the next miss.
        """
        now, person = event.at, _person(subject, directory)
        named = {server[:_MAX_SERVER_LENGTH] for server in servers}
        with connection() as link:
            noted = link.execute(_SELECT, person).one_or_none()
        if noted is not None and _is_over(noted, now):
            noted = None
        belief, ended = MissingPerson.UNCERTAIN, None
        with connection() as link:
            if noted is None and not _insert_first(link, person, min(named, default=None), now):
                return Missed(absence=belief)
            if _is_certain(noted, named, now):
                belief = self._believe(link, person, noted, now)
            if belief is MissingPerson.GONE:
                ended = _end_grants(link, person, event)
            link.commit()
        sessions = _end_sessions(subject, event) if belief is MissingPerson.GONE else None
        if belief is MissingPerson.GONE:
            _end_app_passwords(subject, directory, event)
        return Missed(absence=belief, event=ended, session_event=sessions)

    def found(self, subject: str, *, directory: str = DEFAULT_DIRECTORY) -> None:
        """Forget that a person was missing: the directory has them.

        Args:
            subject: the person's stable id.
            directory: the name of the directory that `subject` belongs to.

        Raises:
            StoreUnavailable: it was not stored.
        """
        with connection() as link:
            link.execute(_DELETE, _person(subject, directory))
            link.commit()

    def _believe(self, link: Connection, person: _Person, noted: Row[Any] | None, now: int) -> MissingPerson:
        """Believe that a person is gone, unless too many are, or another request has just found them."""
        if noted is not None and noted.confirmed_at is not None:
            return MissingPerson.GONE
        if (link.scalar(_COUNT_CONFIRMED, {"since": now - _DAY}) or 0) >= self._mass_removal_limit:
            return MissingPerson.BRAKED
        confirmed = rows_changed(link.execute(_CONFIRM.values(confirmed_at=now), person)) == 1
        return MissingPerson.GONE if confirmed else MissingPerson.UNCERTAIN


def _person(subject: str, directory: str) -> _Person:
    return {"of_subject": subject, "of_directory": directory}


def _insert_first(link: Connection, person: _Person, server: str | None, now: int) -> bool:
    """Store a first miss, and delete rows that are over. False if another request was just first."""
    link.execute(_DELETE_OVER, {"now": now})
    row = {
        "subject": person["of_subject"],
        "directory": person["of_directory"],
        "server": server,
        "first_missed_at": now,
        "confirmed_at": None,
    }
    try:
        link.execute(insert(_MISSING), row)
    except IntegrityError:
        return False
    return True


def _is_over(noted: Row[Any], now: int) -> bool:
    """Whether an earlier miss no longer counts: the person may have come back since, and be missing again."""
    if noted.confirmed_at is None:
        return bool(noted.first_missed_at <= now - _LONGEST_GRANT)
    return bool(noted.confirmed_at <= now - _DAY)


def _is_certain(noted: Row[Any] | None, named: AbstractSet[str], now: int) -> bool:
    """Whether a person is gone, by the earlier miss and by what servers say now."""
    if noted is None:
        return len(named) > 1
    if noted.confirmed_at is not None:
        return True
    return len(named | ({noted.server} - {None})) > 1 or now - noted.first_missed_at >= _DAY


def _end_grants(link: Connection, person: _Person, event: AuditEvent) -> AuditEvent | None:
    """End every live grant of a person, and store the audit row. None if no grant was live."""
    ended = rows_changed(link.execute(_END.values(revoked_at=event.at), {**person, "now": event.at}))
    if not ended:
        return None
    audited = replace(event, reason=f"{event.reason}: {ended} ended")
    link.execute(_INSERT_AUDIT, dict(audited.fields()))
    return audited


def _end_sessions(subject: str, event: AuditEvent) -> AuditEvent | None:
    """End every live session of a person, and store the audit row. None if no session was live."""
    audited = replace(event, event="session.ended")
    ended = end_sessions(SessionSelection(subjects=[subject]), audited, event.at)
    return audited.with_count(f"{ended.sessions} sessions") if ended.sessions else None


def _end_app_passwords(subject: str, directory: str, event: AuditEvent) -> None:
    """End every app password of a person, and store the audit rows."""
    audited = replace(event, event=ENDED, grant_id=None)
    AppPasswordStore(lambda: event.at).end_all(directory, subject, "unknown_person", audited)
