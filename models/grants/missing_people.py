"""People whom the directory does not have any more: when that is believed, and the end of what they granted.

Owns: that nobody's grants end on one server's word of one day, nor those of many at once. Must not know: how
a person is looked for.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from models.base import connection, rows_changed, table
from models.tables import AuditEventRow, GrantRow, MissingPersonRow
from telemetry import AuditEvent

_DAY = 86_400
_LONGEST_GRANT = 180 * _DAY
_SERVER_LENGTH = 255
_ABSENCE, _GRANT = table(MissingPersonRow), table(GrantRow)
_INSERT_AUDIT = insert(table(AuditEventRow)).inline()
_OF_PERSON = _ABSENCE.c.subject == bindparam("person")
_SELECT = select(_ABSENCE).where(_OF_PERSON)
# Those who ask at the same moment may each be the last whom the brake lets through.
_CONFIRMED = select(func.count()).select_from(_ABSENCE).where(_ABSENCE.c.confirmed_at > bindparam("since"))
_DELETE = delete(_ABSENCE).where(_OF_PERSON)
# What the brake counts no more, and those of whom no grant has been left to ask for.
_FORGET = delete(_ABSENCE).where(
    (_ABSENCE.c.confirmed_at <= bindparam("now") - _DAY)
    | (_ABSENCE.c.first_missed_at <= bindparam("now") - _LONGEST_GRANT)
)
_CONFIRM = update(_ABSENCE).where(_OF_PERSON)
_END = update(_GRANT).where(
    _GRANT.c.subject == bindparam("person"),
    _GRANT.c.revoked_at.is_(None),
    _GRANT.c.live_until > bindparam("now"),
)


class MissingPerson(StrEnum):
    """What is believed of a person who was not found: nothing yet, that they are gone, or too many are."""

    UNCERTAIN = "uncertain"
    GONE = "gone"
    BRAKED = "braked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """What became of a miss; `event` is the audit row of what was ended, if anything was."""

    absence: MissingPerson
    event: AuditEvent | None = None


class MissingPersonStore:
    """Absences in the database. `brake` is how many people may be believed gone within 24 hours."""

    def __init__(self, *, brake: int = 20) -> None:
        self._brake = brake

    def missed(self, subject: str, servers: Sequence[str], event: AuditEvent) -> Missed:
        """Note that a person was not found, and end all their grants once that is certain.

        It is, when two servers have said so, or a look a day after the first one does. The row and what it
        ends are one transaction.

        Args:
            subject: the person's stable id.
            servers: those that said so; none where the directory is not one of several.
            event: the audit row for what is ended; its `at` is now, and how many grants ended is put behind
                its reason.

        Raises:
            StoreUnavailable: nothing was stored.
        """
        now, person = event.at, {"person": subject}
        said = {server[:_SERVER_LENGTH] for server in servers}
        with connection() as link:
            noted = link.execute(_SELECT, person).one_or_none()
        if noted is not None and _is_over(noted, now):
            noted = None
        absence, told = MissingPerson.UNCERTAIN, None
        with connection() as link:
            if noted is None and not _begin(link, subject, min(said, default=None), now):
                return Missed(absence=absence)
            if _is_certain(noted, said, now):
                absence = self._believe(link, subject, noted, now)
            if absence is MissingPerson.GONE:
                told = _end(link, subject, event)
            link.commit()
        return Missed(absence=absence, event=told)

    def found(self, subject: str) -> None:
        """Forget that a person was missed: they are there.

        Raises:
            StoreUnavailable: it was not stored.
        """
        with connection() as link:
            link.execute(_DELETE, {"person": subject})
            link.commit()

    def _believe(self, link: Connection, subject: str, noted: Row[Any] | None, now: int) -> MissingPerson:
        """Believe that a person is gone, unless too many are, or another request has found them just now."""
        if noted is not None and noted.confirmed_at is not None:
            return MissingPerson.GONE
        if (link.scalar(_CONFIRMED, {"since": now - _DAY}) or 0) >= self._brake:
            return MissingPerson.BRAKED
        confirmed = rows_changed(link.execute(_CONFIRM.values(confirmed_at=now), {"person": subject})) == 1
        return MissingPerson.GONE if confirmed else MissingPerson.UNCERTAIN


def _begin(link: Connection, subject: str, server: str | None, now: int) -> bool:
    """Store the first miss, and forget what is over. False where another request was first just now."""
    link.execute(_FORGET, {"now": now})
    row = {"subject": subject, "server": server, "first_missed_at": now, "confirmed_at": None}
    try:
        link.execute(insert(_ABSENCE), row)
    except IntegrityError:
        return False
    return True


def _is_over(noted: Row[Any], now: int) -> bool:
    """Whether an absence is one to be forgotten: who is missed again after it has been there since."""
    known = noted.first_missed_at if noted.confirmed_at is None else noted.confirmed_at
    return bool(known <= now - (_LONGEST_GRANT if noted.confirmed_at is None else _DAY))


def _is_certain(noted: Row[Any] | None, said: AbstractSet[str], now: int) -> bool:
    """Whether a person is gone, by what was noted before and what is said now."""
    if noted is None:
        return len(said) > 1
    if noted.confirmed_at is not None:
        return True
    return len(said | ({noted.server} - {None})) > 1 or now - noted.first_missed_at >= _DAY


def _end(link: Connection, subject: str, event: AuditEvent) -> AuditEvent | None:
    ended = rows_changed(link.execute(_END.values(revoked_at=event.at), {"person": subject, "now": event.at}))
    if not ended:
        return None
    told = replace(event, reason=f"{event.reason}: {ended} ended")
    link.execute(_INSERT_AUDIT, dict(told.fields()))
    return told
