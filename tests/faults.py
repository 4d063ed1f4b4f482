"""What is done to a server to see how it fares."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models import db
from tests.conftest import Site


def database_file(site: Site) -> Path:
    """Where a site keeps its SQLite database."""
    return Path(site.app.instance_path) / "netid.sqlite3"


def drop_table(site: Site, table: str) -> None:
    """Take one table away, behind the server's back."""
    connection = sqlite3.connect(database_file(site))
    connection.execute(f'DROP TABLE "{table}"')
    connection.commit()
    connection.close()


@contextmanager
def without_table(site: Site, table: str) -> Iterator[None]:
    """Take one table away for a while."""
    _rename_table(site, table, f"{table}_away")
    yield
    _rename_table(site, f"{table}_away", table)


def _rename_table(site: Site, name: str, other: str) -> None:
    connection = sqlite3.connect(database_file(site))
    connection.execute(f'ALTER TABLE "{name}" RENAME TO "{other}"')
    connection.commit()
    connection.close()


def ruin_database(site: Site) -> None:
    """Write over the whole database: nothing of it can be read."""
    with site.app.app_context():
        db.engine.dispose()
    file = database_file(site)
    for sibling in file.parent.glob(file.name + "-*"):
        sibling.unlink()
    file.write_bytes(b"no database " * 1000)


def rows(site: Site, table: str) -> list[dict[str, object]]:
    """Every row of a table, by column name."""
    connection = sqlite3.connect(database_file(site))
    connection.row_factory = sqlite3.Row
    found = [dict(row) for row in connection.execute(f'SELECT * FROM "{table}"')]  # noqa: S608 - our own names
    connection.close()
    return found


def write_column(site: Site, table: str, column: str, value: str) -> None:
    """Put a value into every row of a table, behind the server's back."""
    connection = sqlite3.connect(database_file(site))
    connection.execute(f'UPDATE "{table}" SET "{column}" = ?', [value])  # noqa: S608 - our own names
    connection.commit()
    connection.close()
