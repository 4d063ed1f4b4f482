"""Simultaneous logins of one person: guesses run one by one, right logins of a program together."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from directory import InvalidCredentials, Person, Refusal
from login import Login
from login.concurrency import PerPersonConcurrency
from tests.conftest import Clock
from tests.fakes import ALICE, FakeAccount, FakeDirectory
from tests.guards import Gate

PARALLEL = 10
PATIENCE = 10


def until(ready: Callable[[], bool]) -> None:
    """Wait until other threads have come this far."""
    for _ in range(PATIENCE * 1000):
        if ready():
            return
        threading.Event().wait(0.001)
    raise AssertionError("the other threads did not come this far")


class Watched(FakeDirectory):
    """A directory that answers the first login when `waiting` others wait, and right ones all together."""

    def __init__(self, passwords: Sequence[str], waiting: int) -> None:
        super().__init__(account=FakeAccount())
        self.right = passwords
        self.waiting = waiting
        self.together = self.most = 0
        self.login: Login | None = None
        self.lock = threading.Lock()

    def others_wait(self) -> bool:
        """Whether all other logins wait for the first."""
        assert self.login is not None
        return self.login.stats().waiting_for_permit == self.waiting

    def verify(self, net_id: str, password: str, *, groups: bool = False) -> Person:
        """Answer after the logins that came before."""
        with self.lock:
            self.bound.append((net_id, password))
            first = len(self.bound) == 1
            self.together += 1
            self.most = max(self.most, self.together)
        if first:
            until(self.others_wait)
        elif password in self.right:
            until(lambda: self.most >= self.waiting)
        with self.lock:
            self.together -= 1
        if password not in self.right:
            raise InvalidCredentials(Refusal.WRONG_PASSWORD)
        return ALICE


def at_once(directory: Watched, passwords: Sequence[str]) -> list[str]:
    """Log in with each of these passwords at the same moment, and return the outcomes."""
    gate = Gate(directory, shield_budget=3, workers=2, slots=PARALLEL)
    directory.login = gate.login

    def outcome(password: str) -> str:
        try:
            return gate.ask(password=password).net_id
        except Exception as error:  # noqa: BLE001 - any outcome
            return type(error).__name__

    with ThreadPoolExecutor(PARALLEL) as pool:
        return list(pool.map(outcome, passwords))


def test_right_logins_at_once_do_not_wait_for_each_other() -> None:
    """Of ten right logins at once the first runs alone, and the nine others run together."""
    directory = Watched(["right"], waiting=PARALLEL - 1)
    assert at_once(directory, ["right"] * PARALLEL) == ["alice"] * PARALLEL
    assert directory.most == PARALLEL - 1


def test_wrong_logins_at_once_run_one_by_one() -> None:
    """Of ten wrong logins at once, no more are tried than the budget of the lockout protection."""
    directory = Watched([], waiting=PARALLEL - 1)
    outcomes = at_once(directory, ["wrong"] * PARALLEL)
    assert directory.most == 1
    assert "alice" not in outcomes
    assert len(directory.bound) <= 3


@pytest.mark.parametrize(
    ("password", "was_right", "goes_in"),
    [("right", True, True), ("a guess", True, False), ("right", False, False)],
)
def test_only_the_password_that_proved_right_gets_a_permit_early(
    password: str,
    was_right: bool,  # noqa: FBT001
    goes_in: bool,  # noqa: FBT001
) -> None:
    """A waiting login with the password that was right gets its permit; one with another password waits."""
    concurrency = PerPersonConcurrency(1, monotonic=Clock())
    inside = threading.Event()

    def follow() -> bool:
        with concurrency.permit(b"alice", password) as permit:
            inside.set()
            return permit.is_known_right

    with ThreadPoolExecutor(1) as pool:
        with concurrency.permit(b"alice", "right") as first:
            following = pool.submit(follow)
            until(lambda: concurrency.waiting() == 1)
            first.was_right = was_right
            concurrency.resize(0)
        if goes_in:
            assert inside.wait(PATIENCE)
        else:
            assert concurrency.waiting() == 1
        concurrency.resize(1)
        assert following.result(PATIENCE) is goes_in
    assert concurrency.waiting() == 0
