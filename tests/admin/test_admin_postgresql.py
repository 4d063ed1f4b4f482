"""Use cases on PostgreSQL."""

from collections.abc import Iterator

import pytest

from models import Base
from tests.admin.atomicity_rules import AtomicityRules
from tests.admin.concurrency_rules import ConcurrencyRules
from tests.admin.policy_race_rules import PolicyRaceRules
from tests.servers.migrated import migrated_database
from tests.servers.postgresql import Postgresql

TABLES = ", ".join(f'"{name}"' for name in Base.metadata.tables)
NAME = "office"


@pytest.fixture(scope="module")
def migrated(postgresql: Postgresql, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a migrated database."""
    with migrated_database(postgresql, NAME, tmp_path_factory.mktemp("office")) as url:
        yield url


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


class TestPolicyRaces(PolicyRaceRules):
    """Two operators and one policy on PostgreSQL."""
