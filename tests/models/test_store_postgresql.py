"""The stores on PostgreSQL: the rules of every database, and our setup of PostgreSQL."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from flask_migrate import upgrade
from sqlalchemy import text

from models import Base, StoreUnavailable
from tests.models.conformance import StoreConformance
from tests.models.stores import Place, Stores
from tests.servers.postgresql import Postgresql

TABLES = ", ".join(f'"{name}"' for name in Base.metadata.tables)


def place_of(server: Postgresql, database: str) -> Place:
    """A database of the server."""

    @contextmanager
    def held() -> Iterator[None]:
        with server.connect(database) as other, other.transaction():
            other.execute(f"LOCK TABLE {TABLES} IN EXCLUSIVE MODE".encode())
            yield

    @contextmanager
    def away() -> Iterator[None]:
        server.stop()
        try:
            yield
        finally:
            server.start()

    def hurry(connection: Any) -> None:
        connection.execute("SET lock_timeout = '20ms'")
        connection.commit()

    return Place(server.url(database), lambda: server.dump(database), held, away, hurry)


@pytest.fixture
def place(postgresql: Postgresql, migrated: str) -> Place:
    """The migrated database, emptied."""
    with postgresql.connect(migrated) as connection:
        connection.execute(f"TRUNCATE {TABLES} RESTART IDENTITY".encode())
    return place_of(postgresql, migrated)


@pytest.fixture
def bare_place(postgresql: Postgresql) -> Iterator[Place]:
    """A database without tables."""
    postgresql.create_database("bare")
    yield place_of(postgresql, "bare")
    postgresql.drop_database("bare")


class TestPostgresql(StoreConformance):
    """PostgreSQL keeps the rules of every database."""


def test_waits_are_bounded(stores: Stores) -> None:
    """No statement and no lock holds a request for 3 s, after which the client closes the connection."""
    with stores.engine.connect() as connection:
        found = [connection.scalar(text(f"SHOW {name}")) for name in ("statement_timeout", "lock_timeout")]
    assert found == ["2500ms", "2500ms"]


def test_tokens_are_checked_while_another_program_writes(hurried: Stores, place: Place) -> None:
    """Readers do not wait for a writer."""
    issued = hurried.issue()
    with place.held():
        assert hurried.lives(issued)


def test_restart_costs_one_refusal(stores: Stores, place: Place) -> None:
    """After a restart of the database, the first dead connection clears all others from the pool."""
    issued = stores.issue()
    with ExitStack() as many:
        for _ in range(3):
            many.enter_context(stores.engine.connect())
    with place.away():
        pass
    with pytest.raises(StoreUnavailable):
        stores.lives(issued)
    assert [stores.lives(issued) for _ in range(3)] == [True] * 3


def test_migration_may_take_longer_than_a_request(bare: Stores, later: Callable[..., str]) -> None:
    """A migration has no timeout on its statements; requests have theirs afterwards."""
    ask = "SELECT current_setting('statement_timeout')"
    upgrade(
        directory=later(f'op.execute("CREATE TABLE seen AS {ask}")'.replace("timeout')", "timeout') AS it"))
    )
    with bare.engine.connect() as connection:
        assert connection.scalar(text("SELECT it FROM seen")) == "0"
        assert connection.scalar(text(ask)) == "2500ms"
