"""Clients that were read a moment ago."""

from typing import Any

import pytest

from models import Client, StoreUnavailable
from models.clients.client import CACHE_SECONDS, ClientCache
from tests.conftest import Clock


class Table:
    """Clients by id, each with how often it was read."""

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
    """One client."""
    return Table()


@pytest.fixture
def cache(clients: Table, clock: Clock) -> ClientCache:
    """A cache in front of them."""
    return ClientCache(clients.read, clock)


def name(cache: ClientCache, client_id: str = "a") -> str | None:
    """What the cache knows the client's name to be."""
    client = cache.get(client_id)
    return None if client is None else client.client_name


def test_client_is_read_once_in_two_seconds(cache: ClientCache, clients: Table, clock: Clock) -> None:
    """A change by another process is seen after two seconds, and the client is read no oftener."""
    assert name(cache) == "first"
    clients.names["a"] = "second"
    clock.now += CACHE_SECONDS - 0.1
    assert (name(cache), len(clients.reads)) == ("first", 1)
    clock.now += 0.1
    assert (name(cache), len(clients.reads)) == ("second", 2)


def test_clock_that_is_set_back(cache: ClientCache, clients: Table, clock: Clock) -> None:
    """A clock that was set back keeps no client for longer."""
    name(cache)
    clients.names["a"] = "second"
    clock.now -= 3600
    assert name(cache) == "second"


def test_change_of_our_own(cache: ClientCache, clients: Table) -> None:
    """What this process has changed is seen at once."""
    name(cache)
    clients.names["a"] = "second"
    cache.forget()
    assert name(cache) == "second"


def test_change_while_it_is_read(cache: ClientCache, clients: Table) -> None:
    """What was read before a change of our own, and comes after it, is not kept."""
    clients.before_answering = cache.forget
    assert name(cache) == "first"
    clients.names["a"] = "second"
    assert name(cache) == "second"


def test_unknown_id_is_not_kept(cache: ClientCache, clients: Table) -> None:
    """A client that is registered a moment after it was asked for is there."""
    assert name(cache, "b") is None
    clients.names["b"] = "new"
    assert name(cache, "b") == "new"


def test_look_at_what_is_kept_reads_nothing(cache: ClientCache, clients: Table, clock: Clock) -> None:
    """A client that was not read within two seconds is not kept, and the database is not asked for it."""
    assert cache.kept("a") is None
    name(cache)
    assert cache.kept("a") is cache.get("a")
    clock.now += CACHE_SECONDS
    assert cache.kept("a") is None
    assert clients.reads == ["a"]


def test_client_that_is_read_anew_is_kept(cache: ClientCache, clients: Table) -> None:
    """Whoever doubts what is kept has it read, and others see what was found."""
    name(cache)
    clients.names["a"] = "second"
    assert cache.read("a") is not None
    assert name(cache) == "second"
    assert clients.reads == ["a", "a"]


def test_cache_is_bounded(cache: ClientCache, clients: Table) -> None:
    """However many clients there are, a thousand are kept at most."""
    clients.names |= {str(number): "x" for number in range(1001)}
    for number in range(1001):
        name(cache, str(number))
    assert 0 < len(cache) <= 1000


def test_trouble_is_not_kept(cache: ClientCache, clients: Table) -> None:
    """A database that cannot say is asked again at the next request."""

    def fail() -> None:
        raise StoreUnavailable("away")

    clients.before_answering = fail
    with pytest.raises(StoreUnavailable):
        cache.get("a")
    clients.before_answering = lambda: None
    assert name(cache) == "first"
