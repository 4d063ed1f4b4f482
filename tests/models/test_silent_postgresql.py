"""A PostgreSQL that is alive but silent delays no request for longer than promised."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask_migrate import upgrade
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from models import StoreUnavailable
from models.base import connection
from models.database.bounded import BoundedConnection, _NotConnected, _within
from models.database.breaker import Breaker
from tests.conftest import Clock, Site
from tests.models.stores import Place, Stores
from tests.models.test_store_postgresql import bare_place, place
from tests.servers.postgresql import Postgresql
from tests.servers.silent_proxy import SilentProxy

__all__ = ["bare_place", "place"]

# Seconds for which an answer is waited for, and those that a busy machine may add.
PROMISED, SLACK = 3.0, 1.5


@pytest.fixture
def proxy(postgresql: Postgresql) -> Iterator[SilentProxy]:
    """A proxy in front of the server."""
    with SilentProxy(postgresql.port) as made:
        yield made


@pytest.fixture
def behind(
    place: Place, postgresql: Postgresql, proxy: SilentProxy, make_site: Callable[..., Site], clock: Clock
) -> Iterator[Stores]:
    """Stores that reach their database through the proxy."""
    site = make_site(NETID_DATABASE_URL=place.url.replace(str(postgresql.port), str(proxy.port)))
    with site.app.app_context():
        yield Stores(site, clock)


def refused_after(ask: Callable[[], object]) -> float:
    """The seconds until a call raised StoreUnavailable."""
    began = time.monotonic()
    with pytest.raises(StoreUnavailable) as caught:
        ask()
    assert caught.value.stops_all
    return time.monotonic() - began


def await_answer(ask: Callable[[], object], seconds: float) -> None:
    """Call until there is an answer, within this many seconds."""
    until = time.monotonic() + seconds
    while True:
        try:
            ask()
        except StoreUnavailable:
            assert time.monotonic() < until
            time.sleep(0.05)
        else:
            return


def test_requests_to_a_frozen_server_end_after_3_s(stores: Stores, postgresql: Postgresql) -> None:
    """With the server's processes stopped, the first waits end after 3 s, and later requests fail at once."""
    issued = stores.issue()
    app = stores.site.app

    def check() -> float:
        with app.app_context():
            return refused_after(lambda: stores.lives(issued))

    with postgresql.frozen():
        with ThreadPoolExecutor(4) as pool:
            first = list(pool.map(lambda _: check(), range(4)))
        later = sorted(check() for _ in range(20))
    assert PROMISED - 0.5 < max(first) < PROMISED + SLACK
    # One of them is the probe, which has a second.
    assert later[-1] < 1 + SLACK
    assert later[-2] < 0.5
    await_answer(lambda: stores.lives(issued), 2 + SLACK)
    assert stores.lives(issued)


@pytest.mark.parametrize("way", ["issue", "revoke", "list"])
def test_every_way_to_the_database_is_bounded(behind: Stores, proxy: SilentProxy, way: str) -> None:
    """A write, a transaction of SQLAlchemy and a session end as a look-up does."""
    issued = behind.issue()
    ways: dict[str, Callable[[], object]] = {
        "issue": behind.issue,
        "revoke": lambda: behind.grants.revoke_grant(issued.grant_id, behind.audit()),
        "list": behind.clients.list,
    }
    proxy.is_silent = True
    assert refused_after(ways[way]) < PROMISED + SLACK
    assert refused_after(ways[way]) < 1 + SLACK
    assert refused_after(ways[way]) < 0.5
    assert "Current Checked out connections: 0" in behind.engine.pool.status()


def test_new_connection_is_bounded(behind: Stores, proxy: SilentProxy) -> None:
    """A server whose kernel accepts but which never answers is abandoned, and the breaker opens."""
    behind.engine.dispose()
    proxy.is_silent = True
    assert 1.5 < refused_after(behind.clients.list) < PROMISED + SLACK
    assert refused_after(behind.clients.list) < 0.5


def test_commit_without_an_answer_is_unknown(behind: Stores, proxy: SilentProxy) -> None:
    """An unanswered COMMIT is never reported as done, and never cancelled: here it was done."""
    first = behind.issue()
    found = behind.found(first.refresh)
    proxy.marker = b"COMMIT"
    assert refused_after(lambda: behind.rotate(first.refresh, found)) < PROMISED + SLACK
    await_answer(behind.clients.list, 2)
    assert behind.found(first.refresh).used_at == behind.now
    assert behind.counts()["refresh_token"] == 2


def test_server_times_out_a_slow_statement_first(stores: Stores) -> None:
    """The timeout of a server that answers comes first and costs no connection."""
    with connection() as link:
        before = link.connection.driver_connection
    with pytest.raises(StoreUnavailable, match="QueryCanceled"), connection() as link:
        link.execute(text("SELECT pg_sleep(30)"))
    with connection() as link:
        assert link.connection.driver_connection is before


def test_migration_is_not_bounded(bare: Stores, later: Callable[..., str]) -> None:
    """A statement of a migration may take longer than any request."""
    upgrade(directory=later(f'op.execute("SELECT pg_sleep({PROMISED + 0.3})")'))
    assert bare.rows("client") == []


def test_late_connection_is_closed() -> None:
    """A connection that is established after its timeout is closed by the thread that made it."""
    may_connect, is_closed = threading.Event(), threading.Event()

    class Late(BoundedConnection):
        def __init__(self) -> None:
            """Be connected to nothing."""

        def __del__(self, *_: object) -> None:
            """Leave nothing."""

        def close(self) -> None:
            is_closed.set()

    def connect() -> BoundedConnection:
        assert may_connect.wait(10)
        return Late()

    with pytest.raises(_NotConnected):
        _within(0.01, connect)
    assert not is_closed.is_set()
    may_connect.set()
    assert is_closed.wait(10)


class TestBreaker:
    """When the breaker lets a connection to a silent database through."""

    def test_closed_breaker_admits_every_connection(self) -> None:
        """A closed breaker makes no connection a probe."""
        assert [Breaker().admit() for _ in range(3)] == [False] * 3

    def test_open_breaker_admits_one_probe_at_a_time(self) -> None:
        """The first attempt is the probe; the next probe comes a second after it ended."""
        clock = Clock(100)
        breaker = Breaker(monotonic=clock)
        breaker.trip()
        assert breaker.admit()
        with pytest.raises(SQLAlchemyError):
            breaker.admit()
        clock.now += 0.7
        breaker.failed()
        clock.now += 0.9
        with pytest.raises(SQLAlchemyError):
            breaker.admit()
        clock.now += 0.1
        assert breaker.admit()
        breaker.answered()
        assert not breaker.admit()

    def test_probe_without_an_outcome_does_not_block_the_next(self) -> None:
        """A probe that never reports its end is followed by another."""
        clock = Clock(100)
        breaker = Breaker(monotonic=clock)
        breaker.trip()
        assert breaker.admit()
        clock.now += 2
        assert breaker.admit()
