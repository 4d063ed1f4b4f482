"""Faults that tests inject into a site's database, and reads of its tables."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models import db
from tests.conftest import Site


def database_file(site: Site) -> Path:
    """Return the path of a site's SQLite database."""
    return Path(site.app.instance_path) / "netid.sqlite3"


def drop_table(site: Site, table: str) -> None:
    """Drop a table without the server."""
    connection = sqlite3.connect(database_file(site))
    connection.execute(f'DROP TABLE "{table}"')
    connection.commit()
    connection.close()


@contextmanager
def without_table(site: Site, table: str) -> Iterator[None]:
    """Remove a table for the length of the block."""
    _rename_table(site, table, f"{table}_away")
    yield
    _rename_table(site, f"{table}_away", table)


def _rename_table(site: Site, name: str, other: str) -> None:
    connection = sqlite3.connect(database_file(site))
    connection.execute(f'ALTER TABLE "{name}" RENAME TO "{other}"')
    connection.commit()
    connection.close()


def ruin_database(site: Site) -> None:
    """Overwrite the whole database, so that no part of it can be read."""
    with site.app.app_context():
        db.engine.dispose()
    file = database_file(site)
    for sibling in file.parent.glob(file.name + "-*"):
        sibling.unlink()
    file.write_bytes(b"no database " * 1000)


def rows(site: Site, table: str) -> list[dict[str, object]]:
    """Return every row of a table, by column name."""
    connection = sqlite3.connect(database_file(site))
    connection.row_factory = sqlite3.Row
    found = [dict(row) for row in connection.execute(f'SELECT * FROM "{table}"')]  # noqa: S608 - our own names
    connection.close()
    return found


def write_column(site: Site, table: str, column: str, value: str) -> None:
    """Write a value into a column of every row, without the server."""
    connection = sqlite3.connect(database_file(site))
    connection.execute(f'UPDATE "{table}" SET "{column}" = ?', [value])  # noqa: S608 - our own names
    connection.commit()
    connection.close()
