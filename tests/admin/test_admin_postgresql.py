"""Use cases on PostgreSQL."""

import pytest
from flask_migrate import upgrade

from app import create_app
from models import Base, db
from tests.admin.atomicity_rules import AtomicityRules
from tests.admin.concurrency_rules import ConcurrencyRules
from tests.servers.postgresql import Postgresql

TABLES = ", ".join(f'"{name}"' for name in Base.metadata.tables)
NAME = "office"


@pytest.fixture(scope="module")
def migrated(postgresql: Postgresql, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a migrated database."""
    url = postgresql.create_database(NAME)
    instance = tmp_path_factory.mktemp("office")
    app = create_app({"NETID_INSTANCE_PATH": str(instance), "NETID_DATABASE_URL": url})
    with app.app_context():
        upgrade()
        db.engine.dispose()
    return url


@pytest.fixture
def url(postgresql: Postgresql, migrated: str) -> str:
    """The migrated database, emptied."""
    with postgresql.connect(NAME) as connection:
        connection.execute(f"TRUNCATE {TABLES} RESTART IDENTITY".encode())
    return migrated


class TestAtomicity(AtomicityRules):
    """Changes and their audit rows on PostgreSQL."""


class TestConcurrency(ConcurrencyRules):
    """Two operators on PostgreSQL."""
