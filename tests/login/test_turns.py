"""Logins of one person at the same moment: guesses come one by one, a program's right logins together."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from directory import Admit, InvalidCredentials, Person, Refusal
from login.concurrency.per_person import PerPersonConcurrency
from tests.conftest import Clock
from tests.fakes import ALICE, FakeAccount, FakeDirectory
from tests.guards import Gate

PARALLEL = 10
PATIENCE = 10


def in_line(turns: PerPersonConcurrency) -> int:
    """How many wait for their turn."""
    return sum(map(len, list(turns._waiting.values())))


def until(ready: Callable[[], bool]) -> None:
    """Wait for others to come so far."""
    for _ in range(PATIENCE * 1000):
        if ready():
            return
        threading.Event().wait(0.001)
    raise AssertionError("nobody came so far")


class Watched(FakeDirectory):
    """A directory that answers nobody until `expected` are at it; and the first one not until others wait."""

    def __init__(self, passwords: Sequence[str], waiting: int) -> None:
        super().__init__(account=FakeAccount())
        self.right = passwords
        self.waiting = waiting
        self.together = self.most = 0
        self.turns: PerPersonConcurrency | None = None
        self.lock = threading.Lock()

    def authenticate(
        self, net_id: str, password: str, *, groups: bool = False, admit: Admit | None = None
    ) -> Person:
        """Answer as to whoever waited before."""
        assert admit is not None
        assert self.account is not None
        assert self.turns is not None
        admit(self.account)
        with self.lock:
            self.bound.append((net_id, password))
            first = len(self.bound) == 1
            self.together += 1
            self.most = max(self.most, self.together)
        if first:
            until(lambda: in_line(self.turns or PerPersonConcurrency(1, monotonic=Clock())) == self.waiting)
        elif password in self.right:
            until(lambda: self.most >= self.waiting)
        with self.lock:
            self.together -= 1
        if password not in self.right:
            raise InvalidCredentials(Refusal.WRONG_PASSWORD)
        return ALICE


def at_once(directory: Watched, passwords: Sequence[str]) -> list[str]:
    """Log in with each of these at the same moment: what came of them."""
    gate = Gate(directory, shield_budget=3, workers=2, places=PARALLEL)
    gate.login._places._monotonic = gate.clock
    directory.turns = gate.login._guard._means.turns

    def said(password: str) -> str:
        try:
            return gate.ask(password=password).net_id
        except Exception as error:  # noqa: BLE001 - whatever came of it
            return type(error).__name__

    with ThreadPoolExecutor(PARALLEL) as pool:
        return list(pool.map(said, passwords))


def test_right_logins_at_once_do_not_wait_for_each_other() -> None:
    """Ten logins of one program at once, none before: the first is alone, the nine others are together."""
    directory = Watched(["right"], waiting=PARALLEL - 1)
    assert at_once(directory, ["right"] * PARALLEL) == ["alice"] * PARALLEL
    assert directory.most == PARALLEL - 1


def test_wrong_logins_at_once_come_one_by_one() -> None:
    """The same wrong password ten times at once: no more are tried than the shield's budget."""
    directory = Watched([], waiting=PARALLEL - 1)
    said = at_once(directory, ["wrong"] * PARALLEL)
    assert directory.most == 1
    assert "alice" not in said
    assert len(directory.bound) <= 3


@pytest.mark.parametrize(
    ("password", "was_right", "goes_in"),
    [("right", True, True), ("a guess", True, False), ("right", False, False)],
)
def test_only_the_password_that_was_right_goes_in(password: str, was_right: bool, goes_in: bool) -> None:  # noqa: FBT001
    """Whoever waits goes in with the password that was right; with another one, they wait for a place."""
    turns = PerPersonConcurrency(1, monotonic=Clock())
    inside = threading.Event()

    def follow() -> None:
        with turns.one(b"alice", password):
            inside.set()

    with ThreadPoolExecutor(1) as pool:
        with turns.one(b"alice", "right") as first:
            following = pool.submit(follow)
            until(lambda: in_line(turns) == 1)
            first.was_right = was_right
            turns._share = 0
        if goes_in:
            assert inside.wait(PATIENCE)
        else:
            assert not any(turn.is_known for turn in turns._waiting[b"alice"])
        with turns._changed:
            turns._share = 1
            turns._changed.notify_all()
        following.result(PATIENCE)
    assert in_line(turns) == 0
