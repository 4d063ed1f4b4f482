"""Who has used clients with passwords, read from the audit and from the grants themselves.

What an operator decides once, such as which clients nobody uses, must not depend on the roll-up: it lags some
minutes behind, and it knows nothing of audit rows from before a release that noted the grant type.

Owns: that such an old row counts as a use, because nobody may be locked out by a doubt. Each function reads
whole tables, in chunks. Must not know: what is done with the answer.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select

from models.base import connection, table
from models.tables import DEFAULT_DIRECTORY, AuditEventRow, GrantRow
from models.usage import tally_store
from models.usage.tally import ISSUED

_AUDIT, _GRANT = table(AuditEventRow), table(GrantRow)
_PASSWORD = "password"  # noqa: S105 - a grant type
_CHUNK_ROWS = 5000
# Seconds by which a row with a lower key may be newer: transactions overlap, and clocks differ.
_LEEWAY = 120
_WAS_LOGIN = (_AUDIT.c.event == ISSUED, or_(_AUDIT.c.grant_type == _PASSWORD, _AUDIT.c.grant_type.is_(None)))
_USED_AT = func.coalesce(_GRANT.c.last_used_at, _GRANT.c.auth_time)

_Person = tuple[str, str, str]
"""A client's id, a directory and a stable id."""


def last_uses(since: int, *, chunk_rows: int = _CHUNK_ROWS) -> dict[str, int]:
    """When each client was last used with a password, or with tokens that a password gave.

    Args:
        since: seconds since the epoch; earlier uses are left out.
        chunk_rows: rows a statement.

    Returns:
        The times, in seconds since the epoch, by client. A client that was not used is not in it.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    uses: dict[str, int] = {}
    logins = select(_AUDIT.c.client_id, func.max(_AUDIT.c.at)).where(*_WAS_LOGIN, _AUDIT.c.at >= since)
    for chunk in _audit_chunks(since, chunk_rows):
        _keep_latest(uses, logins.where(*chunk).group_by(_AUDIT.c.client_id))
    refreshes = select(_GRANT.c.client_id, func.max(_USED_AT)).where(
        _GRANT.c.origin == _PASSWORD, since <= _USED_AT
    )
    for chunk in _grant_chunks(chunk_rows):
        _keep_latest(uses, refreshes.where(*chunk).group_by(_GRANT.c.client_id))
    return uses


def remember_users(client_ids: Collection[str], now: int, *, chunk_rows: int = _CHUNK_ROWS) -> int:
    """Note everybody who has used clients with a password, as far as any row tells.

    It is called before clients are closed to new people, so that nobody who uses one is locked out.

    Args:
        client_ids: the clients.
        now: seconds since the epoch; a later login counts as of now.
        chunk_rows: rows a statement.

    Returns:
        How many people were noted, a person of two clients twice.

    Raises:
        StoreUnavailable: not everybody was noted; another call notes them.
    """
    people: set[_Person] = set()
    for rows in _people(client_ids, chunk_rows):
        with connection() as link:
            tally_store.remember(link, [_user_row(row, now) for row in rows])
            link.commit()
        people.update((row[0], row[1], row[2]) for row in rows)
    return len(people)


def _people(client_ids: Collection[str], chunk_rows: int) -> Iterator[list[Any]]:
    """People with their first and last use of a client, one chunk of a table at a time."""
    logins = (
        select(_AUDIT.c.client_id, _AUDIT.c.subject, func.min(_AUDIT.c.at), func.max(_AUDIT.c.at))
        .where(*_WAS_LOGIN, _AUDIT.c.subject.is_not(None))
        .group_by(_AUDIT.c.client_id, _AUDIT.c.subject)
    )
    for chunk in _audit_chunks(None, chunk_rows):
        yield [
            (client_id, DEFAULT_DIRECTORY, subject, first, last)
            for client_id, subject, first, last in _rows(logins.where(*chunk))
            if client_id in client_ids
        ]
    person = (_GRANT.c.client_id, _GRANT.c.directory, _GRANT.c.subject)
    grants = (
        select(*person, func.min(_GRANT.c.auth_time), func.max(_USED_AT))
        .where(_GRANT.c.origin == _PASSWORD, _GRANT.c.subject.is_not(None))
        .group_by(*person)
    )
    for chunk in _grant_chunks(chunk_rows):
        yield [row for row in _rows(grants.where(*chunk)) if row[0] in client_ids]


def _user_row(row: Any, now: int) -> dict[str, Any]:
    client_id, directory, subject, first, last = row
    return {
        "client_id": client_id,
        "directory": directory,
        "subject": subject,
        "first_at": min(first, now),
        "last_at": min(last, now),
        "last_password_at": None,
        "last_app_password_at": None,
        "counted_day": None,
    }


def _keep_latest(uses: dict[str, int], statement: Any) -> None:
    for client_id, at in _rows(statement):
        if client_id is not None:
            uses[client_id] = max(at, uses.get(client_id, at))


def _rows(statement: Any) -> list[Any]:
    with connection() as link:
        return [tuple(row) for row in link.execute(statement)]


def _audit_chunks(since: int | None, rows: int) -> Iterator[Sequence[ColumnElement[bool]]]:
    """Ranges of keys of the audit table from the highest down, until its rows are older than `since`."""
    with connection() as link:
        upper = link.scalar(select(func.max(_AUDIT.c.id)))
    while upper is not None:
        is_in = (_AUDIT.c.id > upper - rows, _AUDIT.c.id <= upper)
        if since is not None:
            with connection() as link:
                newest_at = link.scalar(select(func.max(_AUDIT.c.at)).where(*is_in))
            if newest_at is not None and newest_at < since - _LEEWAY:
                return
        yield is_in
        with connection() as link:
            upper = link.scalar(select(func.max(_AUDIT.c.id)).where(_AUDIT.c.id <= upper - rows))


def _grant_chunks(rows: int) -> Iterator[Sequence[ColumnElement[bool]]]:
    """Ranges of keys of the grant table, from the lowest up."""
    lower = b""
    while True:
        last = select(_GRANT.c.id).where(_GRANT.c.id > lower).order_by(_GRANT.c.id)
        with connection() as link:
            upper = link.scalar(last.offset(rows - 1).limit(1))
        yield [_GRANT.c.id > lower] + ([] if upper is None else [_GRANT.c.id <= upper])
        if upper is None:
            return
        lower = upper
