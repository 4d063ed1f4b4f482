"""Whose app passwords a name means, for the commands of the help desk."""

from collections.abc import Sequence

from sqlalchemy import select

from models.base import connection, table
from models.password_grant_tables import AppPasswordRow
from models.tables import DEFAULT_DIRECTORY

_ROW = table(AppPasswordRow)


def app_password_subjects_of(person: str, *, directory: str = DEFAULT_DIRECTORY) -> Sequence[str]:
    """The stable ids of the users with an unended app password whose stable id or Net ID is `person`.

    A stable id means itself alone, as for `subjects_of`.

    Args:
        person: as an operator typed it.
        directory: the name of the directory.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    # Drivers refuse a NUL and a lone surrogate.
    if not person.isprintable():
        return ()
    named = select(_ROW.c.subject).where(_ROW.c.directory == directory, _ROW.c.ended_at.is_(None))
    with connection() as link:
        if link.execute(named.where(_ROW.c.subject == person).limit(1)).first():
            return (person,)
        return sorted(set(link.scalars(named.where(_ROW.c.net_id == person))))
