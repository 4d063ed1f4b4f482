"""The cache of clients."""

from typing import Any

import pytest

from models import Client, StoreUnavailable
from models.clients.client import CACHE_SECONDS, ClientCache
from tests.conftest import Clock


class Table:
    """Clients by id, with a record of each read."""

    def __init__(self) -> None:
        self.reads: list[str] = []
        self.names: dict[str, str] = {"a": "first"}
        self.before_answering: Any = lambda: None

    def read(self, client_id: str) -> Client | None:
        """One client, or None."""
        self.reads.append(client_id)
        name = self.names.get(client_id)
        self.before_answering()
        return None if name is None else Client(client_id=client_id, client_name=name, created_at=0)


@pytest.fixture
def clients() -> Table:
    """A table with one client."""
    return Table()


@pytest.fixture
def cache(clients: Table, clock: Clock) -> ClientCache:
    """A cache in front of the table."""
    return ClientCache(clients.read, clock)


def name(cache: ClientCache, client_id: str = "a") -> str | None:
    """The client's name, through the cache."""
    client = cache.get(client_id)
    return None if client is None else client.client_name


def test_client_is_read_once_in_two_seconds(cache: ClientCache, clients: Table, clock: Clock) -> None:
    """A change by another process is visible after two seconds, with one read in that time."""
    assert name(cache) == "first"
    clients.names["a"] = "second"
    clock.now += CACHE_SECONDS - 0.1
    assert (name(cache), len(clients.reads)) == ("first", 1)
    clock.now += 0.1
    assert (name(cache), len(clients.reads)) == ("second", 2)


def test_clock_set_back_does_not_extend_the_cache(cache: ClientCache, clients: Table, clock: Clock) -> None:
    """After the clock was set back, a client is read again."""
    name(cache)
    clients.names["a"] = "second"
    clock.now -= 3600
    assert name(cache) == "second"


def test_own_change_is_visible_at_once(cache: ClientCache, clients: Table) -> None:
    """A change by this process is visible at once."""
    name(cache)
    clients.names["a"] = "second"
    cache.forget()
    assert name(cache) == "second"


def test_client_read_before_a_change_is_not_cached(cache: ClientCache, clients: Table) -> None:
    """A result that was read before our own change, and arrives after it, is not cached."""
    clients.before_answering = cache.forget
    assert name(cache) == "first"
    clients.names["a"] = "second"
    assert name(cache) == "second"


def test_unknown_id_is_not_cached(cache: ClientCache, clients: Table) -> None:
    """A client that is registered just after a look-up is found at the next one."""
    assert name(cache, "b") is None
    clients.names["b"] = "new"
    assert name(cache, "b") == "new"


def test_kept_reads_nothing(cache: ClientCache, clients: Table, clock: Clock) -> None:
    """`kept` returns cached clients only, and sends nothing to the database."""
    assert cache.kept("a") is None
    name(cache)
    assert cache.kept("a") is cache.get("a")
    clock.now += CACHE_SECONDS
    assert cache.kept("a") is None
    assert clients.reads == ["a"]


def test_fresh_read_is_cached(cache: ClientCache, clients: Table) -> None:
    """`read` replaces the cached client for every later caller."""
    name(cache)
    clients.names["a"] = "second"
    assert cache.read("a") is not None
    assert name(cache) == "second"
    assert clients.reads == ["a", "a"]


def test_cache_is_bounded(cache: ClientCache, clients: Table) -> None:
    """At most a thousand clients are cached."""
    clients.names |= {str(number): "x" for number in range(1001)}
    for number in range(1001):
        name(cache, str(number))
    assert 0 < len(cache) <= 1000


def test_failure_is_not_cached(cache: ClientCache, clients: Table) -> None:
    """After a failed read, the next request reads again."""

    def fail() -> None:
        raise StoreUnavailable("away")

    clients.before_answering = fail
    with pytest.raises(StoreUnavailable):
        cache.get("a")
    clients.before_answering = lambda: None
    assert name(cache) == "first"
