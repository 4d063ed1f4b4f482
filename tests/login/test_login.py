"""Logins that are refused without the directory, and the number of simultaneous logins."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Event

import pytest

from directory import Account, DirectoryUnavailable, InvalidCredentials, Refusal
from tests.fakes import ALICE, FakeDirectory
from tests.guards import Gate

PLACES = 2


class Hung(FakeDirectory):
    """A directory that does not answer until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived = Barrier(PLACES + 1)
        self.released = Event()

    def find(self, net_id: str, *, groups: bool = False) -> Account:
        """Record the login, then wait."""
        self._hang()
        return super().find(net_id, groups=groups)

    def ping(self) -> None:
        """Hang as a login does."""
        self._hang()

    def _hang(self) -> None:
        self.arrived.wait(10)
        assert self.released.wait(10)


def people() -> Callable[[Gate], object]:
    """Logs in another person each time."""
    names = iter(("alice", "carol"))
    return lambda gate: gate.ask(next(names))


@contextmanager
def all_taken(question: Callable[[Gate], object]) -> Iterator[tuple[Gate, Hung]]:
    """A login whose slots are all held by this call to a hung directory."""
    directory = Hung()
    gate = Gate(directory, slots=PLACES, monotonic=time.monotonic)
    with ThreadPoolExecutor(PLACES) as pool:
        waiting = [pool.submit(question, gate) for _ in range(PLACES)]
        directory.arrived.wait(10)
        try:
            yield gate, directory
        finally:
            directory.released.set()
        for each in waiting:
            each.result()


@pytest.mark.parametrize(
    ("net_id", "password"), [("alice", ""), ("alice", "\0"), ("alice", "a\0b"), ("al\0ice", "x"), ("", "")]
)
def test_empty_or_nul_never_reaches_a_directory(net_id: str, password: str) -> None:
    """An empty password would be an anonymous bind, and a NUL would end the text (RFC 4513, 5.1.2)."""
    directory = FakeDirectory()
    with pytest.raises(InvalidCredentials) as caught:
        Gate(directory).ask(net_id, password)
    assert caught.value.reason is Refusal.UNACCEPTABLE
    assert directory.asked == []


def test_person_is_the_one_that_the_directory_returned() -> None:
    """The directory gets name and password as typed, and its person is returned unchanged."""
    directory = FakeDirectory()
    assert Gate(directory).ask(" Alice ", " p ") is ALICE
    assert directory.bound == [(" Alice ", " p ")]


@pytest.mark.parametrize("outcome", [InvalidCredentials(Refusal.LOCKED), DirectoryUnavailable("away")])
def test_refusal_and_outage_give_the_slot_back(
    outcome: InvalidCredentials | DirectoryUnavailable,
) -> None:
    """A refusal and an outage are raised unchanged, and neither keeps the slot."""
    directory = FakeDirectory(outcome)
    gate = Gate(directory)
    for _ in range(3):
        with pytest.raises(type(outcome)) as caught:
            gate.ask()
        assert caught.value is outcome
    assert len(directory.asked) == 3


def test_login_without_a_free_slot_is_unavailable() -> None:
    """With all slots taken, a further login is unavailable, and costs the directory nothing."""
    with all_taken(people()) as (gate, directory):
        with pytest.raises(DirectoryUnavailable, match="place"):
            gate.ask("bob")
        assert directory.asked == []
    assert len(directory.asked) == PLACES


def test_pings_take_slots() -> None:
    """Pings of a hung directory hold no more threads than logins may."""
    taken = all_taken(lambda gate: gate.login.ping())
    with taken as (gate, _), pytest.raises(DirectoryUnavailable, match="place"):
        gate.login.ping()


def test_logins_go_on_when_a_hung_directory_answers() -> None:
    """The slots are free again when the directory answers."""
    with all_taken(people()) as (gate, directory):
        pass
    directory.arrived = Barrier(1)
    assert gate.ask() is ALICE


def test_ping_asks_the_directory() -> None:
    """A ping raises nothing over a good directory, and `DirectoryUnavailable` over one that is away."""
    directory = FakeDirectory()
    Gate(directory).login.ping()
    directory.outcome = DirectoryUnavailable("away")
    with pytest.raises(DirectoryUnavailable, match="away"):
        Gate(directory).login.ping()
