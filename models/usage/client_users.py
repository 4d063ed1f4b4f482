"""The people who use a client with a password: how many, and who was there before it was closed."""

from sqlalchemy import func, select

from models.base import connection, table
from models.password_grant_tables import ClientUserRow

_USER = table(ClientUserRow)


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
