"""Fixtures for stores on any database."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask_migrate import upgrade
from sqlalchemy import event

from app import create_app
from models import MIGRATIONS, db
from models.database.pool import DatabasePool
from models.migrations import HEAD
from tests.conftest import Clock, Site
from tests.models.stores import Place, Stores
from tests.servers.postgresql import Postgresql

for rules in (
    "missing_person",
    "client_audit",
    "client",
    "driver",
    "grant",
    "grant_cap",
    "grant_listing",
    "refresh",
    "persistent_secret",
    "scope",
    "schema",
    "signing_key",
    "unavailability",
    "failure",
    "authorization",
    "session",
    "program",
    "sign_in_purge",
    "table_limit",
    "app_password",
    "password_grant_policy",
    "past_use",
    "usage",
    "kept_usage",
):
    pytest.register_assert_rewrite(f"tests.models.{rules}_rules")

LATER = '''
"""A later change of a table that others refer to"""

import sqlalchemy as sa
from alembic import op

revision = "later"
down_revision = "{head}"


def upgrade():
    with op.batch_alter_table("client") as batch:
        batch.alter_column("owner", existing_type=sa.String(255), type_=sa.Text())
    {more}
'''


@pytest.fixture(scope="session")
def migrated(postgresql: Postgresql, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a migrated database."""
    url = postgresql.create_database("migrated")
    instance = tmp_path_factory.mktemp("postgresql")
    app = create_app({"NETID_INSTANCE_PATH": str(instance), "NETID_DATABASE_URL": url})
    with app.app_context():
        upgrade()
        db.engine.dispose()
    return "migrated"


@pytest.fixture
def stores(place: Place, make_site: Callable[..., Site], clock: Clock) -> Iterator[Stores]:
    """The stores of an application on a migrated, empty database."""
    site = make_site(NETID_DATABASE_URL=place.url)
    with site.app.app_context():
        yield Stores(site, clock)


@pytest.fixture
def hurried(stores: Stores, place: Place, monkeypatch: pytest.MonkeyPatch) -> Stores:
    """The same stores, on connections with a short timeout."""
    monkeypatch.setattr(DatabasePool, "timeout", lambda _: 0.02)
    event.listen(stores.engine, "connect", lambda connection, _: place.hurry(connection), insert=True)
    stores.engine.dispose()
    return stores


@pytest.fixture
def bare(bare_place: Place, make_site: Callable[..., Site], clock: Clock) -> Iterator[Stores]:
    """The stores of an application on an own database without tables."""
    site = make_site(NETID_DATABASE_URL=bare_place.url)
    with site.app.app_context():
        yield Stores(site, clock)


@pytest.fixture
def later(tmp_path: Path) -> Callable[..., str]:
    """Returns a function that copies our migrations, adds one, and returns the folder."""

    def write(more: str = "") -> str:
        folder = tmp_path / "migrations"
        shutil.copytree(MIGRATIONS, folder)
        (folder / "versions" / "later.py").write_text(LATER.format(head=HEAD, more=more))
        return str(folder)

    return write
