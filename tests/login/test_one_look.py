"""A login is looked at once, where there is no suspicion: what is refused then, and after it."""

import pytest

from directory import InvalidCredentials, Refusal
from login import Cause, Throttled
from login.local_failures import LocalFailures
from login.ports import FailureStore
from tests.fakes import ALICE, FakeAccount, FakeDirectory
from tests.guards import Gate

WRONG = InvalidCredentials(Refusal.WRONG_PASSWORD)
UNKNOWN = InvalidCredentials(Refusal.UNKNOWN_PERSON)
DISABLED = InvalidCredentials(Refusal.DISABLED)


def failing(outcome: InvalidCredentials, account: FakeAccount | None) -> tuple[FakeDirectory, FailureStore]:
    """A directory that refuses, and a store of three failures, counted by another worker."""
    store = LocalFailures(step=1)
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
def test_limit_that_another_worker_counted(outcome: InvalidCredentials, account: FakeAccount | None) -> None:
    """A worker that knows nothing of a name searches for it once; past the limit nobody is bound for."""
    directory, store = failing(outcome, account)
    gate = Gate(directory, store=store, person="3/15minutes")
    for _ in range(5):
        with pytest.raises(Throttled) as caught:
            gate.ask()
        assert caught.value.cause is Cause.PERSON_AND_CLIENT
    assert len(directory.asked) == 1
    # What shows no account refuses without a bind, and the stand-in counts that as one.
    assert len(directory.bound) == (0 if outcome is WRONG else 1)


def test_right_password_past_a_limit_that_another_worker_counted() -> None:
    """The right password is not tried either, under whichever of the person's names."""
    directory, store = failing(WRONG, FakeAccount())
    directory.outcome = ALICE
    for name in ("alice", "alice.baker"):
        with pytest.raises(Throttled):
            Gate(directory, store=store, person="3/15minutes").ask(name)
    assert directory.bound == []


def test_address_that_another_worker_counted() -> None:
    """An address past its limit costs one search, whatever the names, as long as that is remembered."""
    directory, store = failing(WRONG, FakeAccount())
    gate = Gate(directory, store=store, address="3/15minutes")
    for number in range(5):
        with pytest.raises(Throttled) as caught:
            gate.ask(f"name{number}", address="192.0.2.9")
        assert caught.value.cause is Cause.ADDRESS
        gate.clock.now += 10
    assert len(directory.asked) == 1
    assert directory.bound == []


def test_right_login_that_shows_no_account() -> None:
    """A directory that ought to show accounts, and does not, lets nobody past a limit."""
    directory, store = failing(WRONG, FakeAccount())
    directory.outcome, directory.account = ALICE, None
    with pytest.raises(Throttled):
        Gate(directory, store=store, person="3/15minutes").ask("alice.baker")


def test_own_failures_are_told_before_the_directory_is_asked() -> None:
    """Past a limit that this worker counted, the directory is not asked at all, whoever's the name is."""
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
