"""The migrations of the schema (Alembic, through Flask-Migrate), and whether a database has all of them.

Owns: how an old database becomes a current one. Must not know: the meaning of rows, or any setting but the
database.
"""

from pathlib import Path

from flask_migrate import upgrade
from sqlalchemy import inspect, text
from sqlalchemy.exc import SQLAlchemyError

from models.base import connection, session, unavailable

MIGRATIONS = Path(__file__).parent

# The last migration in versions/, so that a start need not read the folder.
HEAD = "0006"


def is_current() -> bool:
    """Whether the database has the schema of this code.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    with session() as work:
        if not inspect(work.connection()).has_table("alembic_version"):
            return False
        return list(work.scalars(text("SELECT version_num FROM alembic_version"))) == [HEAD]


def has_tables() -> bool:
    """Whether the database has any table. A new database has none.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    with connection() as link:
        return bool(inspect(link).get_table_names())


def migrate() -> None:
    """Upgrade the schema of the current application's database to this code.

    Raises:
        StoreUnavailable: the database is unavailable.
        SystemExit: the database cannot be upgraded, for example because a newer release wrote it. The log has
            Alembic's message.
    """
    try:
        upgrade()
    except SQLAlchemyError as error:
        raise unavailable(error) from None
