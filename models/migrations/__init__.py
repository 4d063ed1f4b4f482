"""The history of the schema (Alembic, by Flask-Migrate), and whether a database stands at its end.

Owns: how a table came to be, and how an old database becomes a new one. Must not know: what rows mean, or
any setting but the database that it runs on.
"""

from pathlib import Path

from flask_migrate import upgrade
from sqlalchemy import inspect, text
from sqlalchemy.exc import SQLAlchemyError

from models.base import session, unavailable

MIGRATIONS = Path(__file__).parent

# The last migration in versions/. Known here so that a start needs no look through the folder.
HEAD = "0004"


def is_current() -> bool:
    """Whether the database's schema is the one that this code was written for.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    with session() as work:
        if not inspect(work.connection()).has_table("alembic_version"):
            return False
        return list(work.scalars(text("SELECT version_num FROM alembic_version"))) == [HEAD]


def migrate() -> None:
    """Bring the schema of the current application's database to this release.

    Raises:
        StoreUnavailable: the database cannot do it now.
        SystemExit: it never will, as that of a newer release; the log has what Alembic said.
    """
    try:
        upgrade()
    except SQLAlchemyError as error:
        raise unavailable(error) from None
