"""Use cases on SQLite."""

import shutil
from pathlib import Path

import pytest

from tests.admin.atomicity_rules import AtomicityRules
from tests.admin.concurrency_rules import ConcurrencyRules
from tests.admin.policy_race_rules import PolicyRaceRules


@pytest.fixture
def url(tmp_path: Path, migrated_instance: Path) -> str:
    """A migrated, empty database."""
    file = tmp_path / "office.sqlite3"
    shutil.copyfile(migrated_instance / "netid.sqlite3", file)
    return f"sqlite:///{file}"


class TestAtomicity(AtomicityRules):
    """Changes and their audit rows on SQLite."""


class TestConcurrency(ConcurrencyRules):
    """Two operators on SQLite."""


class TestPolicyRaces(PolicyRaceRules):
    """Two operators and one policy on SQLite."""
