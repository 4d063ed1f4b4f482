"""The first command on a new database creates its tables; an old database is never changed by a command."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from sqlite3 import connect

import pytest
from flask_migrate import upgrade

from tests.conftest import Site

NEW = "The database was empty: its tables were created."


@pytest.fixture
def bare(make_site: Callable[..., Site], tmp_path: Path) -> Site:
    """An application whose database has no tables."""
    return make_site(NETID_DATABASE_URL=f"sqlite:///{tmp_path}/bare.sqlite3")


def versions(tmp_path: Path) -> list[tuple[str]]:
    """The migrations that the database has."""
    with closing(connect(tmp_path / "bare.sqlite3")) as database:
        return database.execute("SELECT version_num FROM alembic_version").fetchall()


@pytest.mark.parametrize(
    "command",
    [
        ("client", "list"),
        ("client", "create", "Library"),
        ("grant", "list"),
        ("key", "list"),
        ("scope", "list"),
        ("audit", "list"),
        ("clock", "show"),
        ("person", "why", "alice"),
        ("token", "purge"),
    ],
    ids=" ".join,
)
def test_command_creates_the_tables_of_a_new_database(bare: Site, command: tuple[str, ...]) -> None:
    """A first try needs no `flask db upgrade`: each command creates the tables, says so, and works."""
    result = bare.app.test_cli_runner().invoke(args=list(command))
    assert result.exit_code == 0, result.output
    assert result.stderr.splitlines()[0] == NEW
    again = bare.app.test_cli_runner().invoke(args=list(command))
    assert NEW not in again.stderr


def test_old_database_is_not_migrated_silently(bare: Site, tmp_path: Path) -> None:
    """A database of an earlier release stays as it is, and the refusal names `flask db upgrade`."""
    with bare.app.app_context():
        upgrade(revision="0003")
    said = bare.run("client", "create", "Library", status=1)
    assert said.startswith("Error: The database cannot be used (")
    assert said.strip().endswith("Is it migrated? .venv/bin/flask db upgrade")
    assert versions(tmp_path) == [("0003",)]


def test_database_of_another_program_gets_no_tables(bare: Site, tmp_path: Path) -> None:
    """A database that holds any table is not new."""
    with closing(connect(tmp_path / "bare.sqlite3")) as database:
        database.execute("CREATE TABLE theirs (id INTEGER)")
    assert "flask db upgrade" in bare.run("client", "list", status=1)
    with closing(connect(tmp_path / "bare.sqlite3")) as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]
