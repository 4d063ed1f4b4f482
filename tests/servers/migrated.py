"""A database of PostgreSQL with our tables, for one module or one test."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask_migrate import upgrade

from app import create_app
from models import db
from tests.servers.postgresql import Postgresql


@contextmanager
def migrated_database(server: Postgresql, name: str, instance: Path) -> Iterator[str]:
    """The URL of a new, migrated database. It is dropped at the end, even with open connections.

    Args:
        server: a running server.
        name: of the database.
        instance: an instance folder for the migration.
    """
    url = server.create_database(name)
    app = create_app({"NETID_INSTANCE_PATH": str(instance), "NETID_DATABASE_URL": url})
    with app.app_context():
        upgrade()
        db.engine.dispose()
    yield url
    server.drop_database(name)
