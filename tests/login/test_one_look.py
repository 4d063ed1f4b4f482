"""The failures of a login are read once, unless its name failed lately in this process."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from directory import Account, InvalidCredentials, Person, Refusal
from login import Cause, Throttled
from login.ports import FailureRecords
from tests.failures import MemoryFailures
from tests.fakes import ALICE, FakeAccount, FakeDirectory
from tests.guards import Gate

WRONG = InvalidCredentials(Refusal.WRONG_PASSWORD)
UNKNOWN = InvalidCredentials(Refusal.UNKNOWN_PERSON)
DISABLED = InvalidCredentials(Refusal.DISABLED)


def failing(outcome: InvalidCredentials, account: FakeAccount | None) -> tuple[FakeDirectory, FailureRecords]:
    """A directory that refuses, and a store of three failures, counted by another worker."""
    store = MemoryFailures()
    directory = FakeDirectory(outcome, account)
    other = Gate(directory, store=store, person="3/15minutes", address="3/15minutes")
    for _ in range(3):
        with pytest.raises(InvalidCredentials):
            other.ask(address="192.0.2.9")
    directory.asked.clear()
    directory.bound.clear()
    return directory, store


@pytest.mark.parametrize(
    ("outcome", "account"), [(WRONG, FakeAccount()), (UNKNOWN, FakeAccount()), (DISABLED, None)]
)
def test_limit_that_another_worker_counted_costs_one_search(
    outcome: InvalidCredentials, account: FakeAccount | None
) -> None:
    """A worker that does not know a name searches for it once; past the limit no bind is made."""
    directory, store = failing(outcome, account)
    gate = Gate(directory, store=store, person="3/15minutes")
    for _ in range(5):
        with pytest.raises(Throttled) as caught:
            gate.ask()
        assert caught.value.cause is Cause.PERSON_AND_CLIENT
    assert len(directory.asked) == 1
    # Where no account is shown, the fake directory refuses in `verify` and records a bind.
    assert len(directory.bound) == (0 if outcome is WRONG else 1)


def test_right_password_is_not_tried_past_a_limit_that_another_worker_counted() -> None:
    """Past the limit the right password is not tried, under any name of the person."""
    directory, store = failing(WRONG, FakeAccount())
    directory.outcome = ALICE
    for name in ("alice", "alice.baker"):
        with pytest.raises(Throttled):
            Gate(directory, store=store, person="3/15minutes").ask(name)
    assert directory.bound == []


def test_address_limit_that_another_worker_counted_costs_one_search() -> None:
    """An address past its limit costs one search for all names, while the limit is cached."""
    directory, store = failing(WRONG, FakeAccount())
    gate = Gate(directory, store=store, address="3/15minutes")
    for number in range(5):
        with pytest.raises(Throttled) as caught:
            gate.ask(f"name{number}", address="192.0.2.9")
        assert caught.value.cause is Cause.ADDRESS
        gate.clock.now += 10
    assert len(directory.asked) == 1
    assert directory.bound == []


def test_limit_holds_where_the_directory_shows_no_account() -> None:
    """Limits apply after the bind where a directory shows no account, though it should."""
    directory, store = failing(WRONG, FakeAccount())
    directory.outcome, directory.account = ALICE, None
    with pytest.raises(Throttled):
        Gate(directory, store=store, person="3/15minutes").ask("alice.baker")


def test_own_failures_are_judged_before_the_directory_is_asked() -> None:
    """Past a limit that this worker counted, the directory is not asked, for known and unknown names."""
    for outcome in (WRONG, UNKNOWN):
        directory = FakeDirectory(outcome, FakeAccount())
        gate = Gate(directory, person="3/15minutes")
        for _ in range(3):
            with pytest.raises(InvalidCredentials):
                gate.ask()
        for _ in range(5):
            with pytest.raises(Throttled):
                gate.ask()
        assert len(directory.asked) == 3


class Slow(FakeDirectory):
    """A directory that refuses all logins, after a while, and shows the account of known people."""

    def find(self, net_id: str, *, groups: bool = False) -> Account:
        """Let other logins come meanwhile."""
        time.sleep(0.002)
        return super().find(net_id, groups=groups)

    def verify(self, net_id: str, password: str, *, groups: bool = False) -> Person:
        """Let other logins come meanwhile."""
        if self.account is None:
            return self._answer()
        time.sleep(0.005)
        return super().verify(net_id, password, groups=groups)


def at_once(gates: Sequence[Gate], names: Sequence[str], count: int) -> list[str]:
    """Guess `count` times at once, through each worker and name in turn, and return the outcomes."""

    def guess(number: int) -> str:
        try:
            gates[number % len(gates)].ask(names[number % len(names)], f"guess{number}")
        except (InvalidCredentials, Throttled) as refusal:
            return type(refusal).__name__
        return "in"

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(guess, range(count)))


def test_guesses_through_several_names_of_one_person_share_the_limit() -> None:
    """Guesses through three names and two workers at once exceed the limit by one worker's share at most."""
    directory, store = Slow(WRONG, FakeAccount()), MemoryFailures()
    gates = [Gate(directory, store=store, person="4/15minutes", workers=2, slots=30) for _ in range(2)]
    outcomes = at_once(gates, ["alice", "alice.baker", "a.baker"], 30)
    assert set(outcomes) == {"InvalidCredentials", "Throttled"}
    assert len(directory.bound) == outcomes.count("InvalidCredentials") <= 4 + 4 // 2


@pytest.mark.parametrize(("outcome", "account"), [(WRONG, FakeAccount()), (UNKNOWN, None), (DISABLED, None)])
def test_guesses_at_once_do_not_reveal_which_names_exist(
    outcome: InvalidCredentials, account: FakeAccount | None
) -> None:
    """With one permit per person, an unknown name gets as many refusals as a person."""
    gate = Gate(Slow(outcome, account), person="4/15minutes", workers=4, slots=20)
    outcomes = at_once([gate], ["alice"], 20)
    assert (outcomes.count("InvalidCredentials"), outcomes.count("Throttled")) == (4, 16)
