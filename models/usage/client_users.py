"""The people who use a client with a password: how many, and who was there before it was closed."""

from collections.abc import Iterator

from sqlalchemy import func, select

from models.base import connection, table
from models.password_grant_tables import ClientUserRow
from models.tables import GrantRow
from models.usage import tally_store

_USER, _GRANT = table(ClientUserRow), table(GrantRow)
_PASSWORD = "password"  # noqa: S105 - a grant type
_CHUNK_ROWS = 5000


def users_of(client_id: str, since: int) -> int:
    """How many people have used a client with a password of either kind at `since` or later.

    Args:
        client_id: the client.
        since: seconds since the epoch.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    used = (_USER.c.client_id == client_id, _USER.c.last_at >= since)
    with connection() as link:
        return link.scalar(select(func.count()).select_from(_USER).where(*used)) or 0


def subjects_who_used(client_id: str, since: int, *, limit: int = 1000) -> list[str]:
    """The stable ids of people who have used a client at `since` or later, the last one first.

    Args:
        client_id: the client.
        since: seconds since the epoch.
        limit: the most ids.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    used = select(_USER.c.subject).where(_USER.c.client_id == client_id, _USER.c.last_at >= since)
    with connection() as link:
        return list(link.scalars(used.order_by(_USER.c.last_at.desc(), _USER.c.subject).limit(limit)))


def is_known_user(client_id: str, directory: str, subject: str, before: int) -> bool:
    """Whether a person has used a client at `before` or earlier.

    Args:
        client_id: the client.
        directory: the name of the directory that `subject` belongs to.
        subject: the person's stable id.
        before: seconds since the epoch.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    known = select(_USER.c.client_id).where(
        _USER.c.client_id == client_id,
        _USER.c.directory == directory,
        _USER.c.subject == subject,
        _USER.c.first_at <= before,
    )
    with connection() as link:
        return link.execute(known).first() is not None


def remember_users(client_id: str, now: int, *, chunk_rows: int = _CHUNK_ROWS) -> int:
    """Note every person who holds a grant of a client that a password gave, live or not.

    It is called when a client is closed to new people, so that nobody who uses it is shut out. Nothing leads
    to the grants of a client, so the whole table is read, some thousand rows a statement.

    Args:
        client_id: the client.
        now: seconds since the epoch: a grant with a later login counts as of now.
        chunk_rows: rows a statement.

    Returns:
        How many people were noted.

    Raises:
        StoreUnavailable: not everybody was noted; another call notes them.
    """
    people: set[tuple[str, str]] = set()
    for found in _people_with_grants(client_id, chunk_rows):
        rows = [
            {
                "client_id": client_id,
                "directory": directory,
                "subject": subject,
                "first_at": min(first, now),
                "last_at": min(last, now),
                "last_password_at": None,
                "last_app_password_at": None,
                "counted_day": None,
            }
            for (directory, subject), (first, last) in found.items()
        ]
        if rows:
            with connection() as link:
                tally_store.remember(link, rows)
                link.commit()
        people.update(found)
    return len(people)


def _people_with_grants(client_id: str, chunk_rows: int) -> Iterator[dict[tuple[str, str], tuple[int, int]]]:
    """When people with grants of a client logged in first and last, one chunk of the table at a time."""
    seen = func.max(func.coalesce(_GRANT.c.last_used_at, _GRANT.c.auth_time))
    of_client = (
        select(_GRANT.c.directory, _GRANT.c.subject, func.min(_GRANT.c.auth_time), seen)
        .where(_GRANT.c.client_id == client_id, _GRANT.c.origin == _PASSWORD, _GRANT.c.subject.is_not(None))
        .group_by(_GRANT.c.directory, _GRANT.c.subject)
    )
    lower = b""
    while True:
        last = select(_GRANT.c.id).where(_GRANT.c.id > lower).order_by(_GRANT.c.id)
        with connection() as link:
            upper = link.scalar(last.offset(chunk_rows - 1).limit(1))
            chunk = [_GRANT.c.id > lower] + ([] if upper is None else [_GRANT.c.id <= upper])
            rows = link.execute(of_client.where(*chunk)).all()
        yield {(directory, subject): (first, until) for directory, subject, first, until in rows}
        if upper is None:
            return
        lower = upper
