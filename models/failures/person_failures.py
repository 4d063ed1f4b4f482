"""One person's refused logins, for the help desk: listing them, and unblocking the person.

Owns: that unblocking a person resets no count of a client, an address or the server. An attacker's failures
still count there. Must not know: the limits.
"""

from typing import Any

from sqlalchemy import ColumnElement, delete, insert, or_, select, update

from models.base import connection, rows_changed, table
from models.failures.failure_store import PAST_FAILURE_COLUMNS, PastFailure
from models.tables import AuditEventRow, LoginFailureRow, RefusedPasswordRow
from telemetry import AuditEvent

_FAILURE, _REFUSED = table(LoginFailureRow), table(RefusedPasswordRow)
_INSERT_AUDIT = insert(table(AuditEventRow)).inline()
_NO_NAME = b"\0" * 16
_MAX_LISTED_FAILURES = 5000


def failures_of(name: bytes, subject: str | None, since: int) -> list[PastFailure]:
    """The refused logins under a name or of a person, newest first, up to 5,000.

    Args:
        name: digest of the login name.
        subject: the person's stable id, if there is one.
        since: seconds since the epoch.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    chosen = select(*PAST_FAILURE_COLUMNS).where(_of_person(name, subject), _FAILURE.c.at >= since)
    with connection() as link:
        found = link.execute(
            chosen.order_by(_FAILURE.c.at.desc(), _FAILURE.c.id.desc()).limit(_MAX_LISTED_FAILURES)
        )
        return [PastFailure._make(row) for row in found]


def unblock(
    name: bytes, subject: str | None, event: AuditEvent, *, also: bytes | None = None
) -> tuple[int, int]:
    """Remove a person's failures from the person's count, and forget which passwords were refused.

    Both changes and the audit row are one transaction.

    Args:
        name: digest of the login name.
        subject: the person's stable id, if there is one.
        event: the audit row; both numbers are appended to its reason.
        also: another digest of the name, under which app passwords are counted.

    Returns:
        How many failures were removed, and how many refused passwords were forgotten.

    Raises:
        StoreUnavailable: nothing was changed.
    """
    rows = _of_person(name, subject)
    if also is not None:
        rows = or_(rows, _FAILURE.c.name == also)
    with connection() as link:
        anonymous: dict[str, Any] = {"name": _NO_NAME, "subject": None}
        failures = rows_changed(link.execute(update(_FAILURE).where(rows).values(anonymous)))
        passwords = 0
        if subject is not None:
            passwords = rows_changed(link.execute(delete(_REFUSED).where(_REFUSED.c.subject == subject)))
        audited = event.with_count(f"{failures} failures, {passwords} passwords")
        link.execute(_INSERT_AUDIT, dict(audited.fields()))
        link.commit()
    return failures, passwords


def _of_person(name: bytes, subject: str | None) -> ColumnElement[bool]:
    """Rows under the name, of the person, or under another name that led to the person."""
    if subject is None:
        return _FAILURE.c.name == name
    names = select(_FAILURE.c.name).where(_FAILURE.c.subject == subject)
    return or_(_FAILURE.c.name == name, _FAILURE.c.subject == subject, _FAILURE.c.name.in_(names))
