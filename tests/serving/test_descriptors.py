"""How many connections a process has room for."""

import resource
from collections.abc import Iterator

import pytest

from serving.connections.descriptors import allow_descriptors


@pytest.fixture
def limits() -> Iterator[tuple[int, int]]:
    """The soft and hard limit, as they are again after the test."""
    kept = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield kept
    resource.setrlimit(resource.RLIMIT_NOFILE, kept)


def test_soft_limit_is_raised(limits: tuple[int, int]) -> None:
    """A shell's usual limit of 1,024 is no reason to serve fewer."""
    hard = limits[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (400, hard))
    assert allow_descriptors(300) == 300
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (856, hard)


def test_higher_soft_limit_is_unchanged(limits: tuple[int, int]) -> None:
    """An operator who allows more keeps it."""
    assert allow_descriptors(16) == 16
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == limits


def test_low_hard_limit_reduces_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system allows too few files, fewer connections are taken than asked for."""
    set_to = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (400, 456))
    monkeypatch.setattr(resource, "setrlimit", lambda _, pair: set_to.append(pair))
    assert allow_descriptors(1000) == 100
    assert set_to == [(456, 456)]
