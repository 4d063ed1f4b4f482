"""Lockout protection: guesses through this server lock no account, from any number of addresses."""

import pytest

from directory import Account, DirectoryUnavailable, InvalidCredentials, LockoutStatus, Person, Refusal
from login import Cause, Throttled
from tests.fakes import ALICE, FakeAccount, FakeDirectory
from tests.guards import Gate

LOCKS_AT = 5


class Locking(FakeDirectory):
    """A directory that counts wrong passwords, shows its count or hides it, and locks."""

    def __init__(self, *, shows: bool = True, limit: int | None = LOCKS_AT) -> None:
        super().__init__(InvalidCredentials(Refusal.WRONG_PASSWORD), FakeAccount())
        self.failures = 0
        self.shows = shows
        self.limit = limit

    def find(self, net_id: str, *, groups: bool = False) -> Account:
        """The account, with its count."""
        if self.account is not None:
            self.account.counted = LockoutStatus(self.failures, self.limit) if self.shows else LockoutStatus()
        return super().find(net_id, groups=groups)

    def verify(self, net_id: str, password: str, *, groups: bool = False) -> Person:
        """Count wrong passwords."""
        try:
            person = super().verify(net_id, password, groups=groups)
        except InvalidCredentials as refusal:
            if refusal.reason is Refusal.WRONG_PASSWORD:
                self.failures += 1
            raise
        self.failures = 0
        return person


def guess(gate: Gate, times: int, **attempt: str) -> list[str]:
    """Guess `times` times, each with another password and address, and return the outcomes."""
    outcomes = []
    for number in range(times):
        try:
            gate.ask(address=f"192.0.2.{number}", **attempt)
            outcomes.append("in")
        except InvalidCredentials:
            outcomes.append("refused")
        except Throttled as throttled:
            outcomes.append(throttled.cause.value)
    return outcomes


def test_guesses_lock_no_account() -> None:
    """500 guesses from many addresses add the budget to the count, and no more."""
    directory = Locking()
    gate = Gate(directory, shield_budget=3)
    assert guess(gate, 250) == ["refused"] * 3 + [Cause.SHIELD] * 247
    gate.clock.now += 3 * 86_400
    directory.shows = False
    assert guess(gate, 1) == ["refused"]
    assert directory.failures == 4 < LOCKS_AT


def test_last_bind_before_a_lock_is_left_to_other_services() -> None:
    """Failures from other services count too: the last bind before a lock is left to them."""
    directory = Locking()
    gate = Gate(directory, shield_budget=10)
    assert guess(gate, 1) == ["refused"]
    directory.failures = LOCKS_AT - 2
    assert guess(gate, 1) == ["refused"]
    assert guess(gate, 3) == [Cause.SHIELD] * 3
    assert directory.failures == LOCKS_AT - 1


def test_right_password_is_not_tried_near_a_lock() -> None:
    """Near a lock a right password is not tried, and never refused as wrong."""
    directory = Locking()
    gate = Gate(directory, shield_budget=3)
    guess(gate, 3)
    directory.outcome = ALICE
    with pytest.raises(Throttled) as caught:
        gate.ask()
    assert (caught.value.cause, caught.value.retry_after) == (Cause.SHIELD, 900)
    directory.failures = 0
    assert gate.ask() is ALICE


def test_failures_that_the_directory_expired_no_longer_count() -> None:
    """When the directory has reset its count, our failures no longer count against the budget."""
    directory = Locking()
    gate = Gate(directory, shield_budget=3)
    assert guess(gate, 4)[-1] == Cause.SHIELD
    directory.failures = 0
    assert guess(gate, 1) == ["refused"]


def test_success_resets_the_budget() -> None:
    """A right login resets the directory's count, and our count too."""
    directory = Locking()
    gate = Gate(directory, shield_budget=3)
    for _ in range(4):
        directory.outcome = InvalidCredentials(Refusal.WRONG_PASSWORD)
        assert guess(gate, 2) == ["refused"] * 2
        directory.outcome = ALICE
        gate.ask()


def test_budget_holds_where_the_count_cannot_be_read() -> None:
    """Where the directory's count cannot be read, our failures count for the window that is set."""
    directory = Locking(shows=False)
    gate = Gate(directory, shield_budget=3, shield_window=1800)
    assert guess(gate, 5) == ["refused"] * 3 + [Cause.SHIELD] * 2
    gate.clock.now += 1799
    assert guess(gate, 1) == [Cause.SHIELD]
    gate.clock.now += 1
    assert guess(gate, 1) == ["refused"]


def test_budget_holds_where_no_account_is_shown() -> None:
    """With a DN template and no service account, the budget holds before the bind."""
    directory = Locking()
    directory.account = None
    gate = Gate(directory, shield_budget=3, sees_accounts=False)
    assert guess(gate, 6) == ["refused"] * 3 + [Cause.SHIELD] * 3
    assert len(directory.bound) == 3


def test_directory_that_never_locks_has_no_budget() -> None:
    """Where failures never lock an account, only the limits apply."""
    gate = Gate(Locking(limit=0), shield_budget=3, person="8/hour")
    assert guess(gate, 9) == ["refused"] * 8 + [Cause.PERSON_AND_CLIENT]


def test_lockout_status_is_read_only_after_a_failure() -> None:
    """The lockout status is read after a failure of the person here, and not before."""
    directory = Locking()
    gate = Gate(directory, shield_budget=3)
    assert directory.account is not None
    directory.outcome = ALICE
    for _ in range(3):
        gate.ask()
    directory.outcome = InvalidCredentials(Refusal.WRONG_PASSWORD)
    guess(gate, 1)
    assert directory.account.reads == 0
    guess(gate, 1)
    assert directory.account.reads == 1


def test_unreadable_lockout_status_is_an_outage() -> None:
    """A directory that fails between search and bind adds no failure."""
    directory = Locking()
    gate = Gate(directory, shield_budget=3)
    guess(gate, 1)
    assert directory.account is not None

    def away() -> LockoutStatus:
        raise DirectoryUnavailable("away")

    directory.account.lockout_status = away  # type: ignore[method-assign]
    for _ in range(5):
        with pytest.raises(DirectoryUnavailable):
            gate.ask()
    del directory.account.lockout_status
    assert guess(gate, 1) == ["refused"]


@pytest.mark.parametrize(("shows", "limit"), [(True, 5), (True, 3), (False, None), (True, 0), (True, None)])
def test_unknown_names_get_the_same_limit(shows: bool, limit: int | None) -> None:  # noqa: FBT001
    """Once a worker has seen how the directory counts, unknown names get the limit of a person."""
    directory = Locking(shows=shows, limit=limit)
    gate = Gate(directory, shield_budget=3, person="8/hour")
    known = guess(gate, 12)
    directory.outcome = InvalidCredentials(Refusal.UNKNOWN_PERSON)
    assert guess(gate, 12, net_id="nobody") == known
    directory.outcome = InvalidCredentials(Refusal.DISABLED)
    directory.account = None
    assert guess(gate, 12, net_id="disabled") == known


@pytest.mark.parametrize("hides", ["fingerprint", "count"])
def test_own_account_cannot_make_the_answers_reveal_names(hides: str) -> None:
    """An attacker locks their own account, or resets its count: unknown names keep their answers."""

    def answers(net_id: str) -> list[str]:
        directory = Locking()
        account = directory.account
        assert account is not None
        gate = Gate(directory, shield_budget=3)
        guess(gate, 2, net_id="seen")
        account.person_id = "own"
        guess(gate, 1, net_id="own")
        if hides == "fingerprint":
            account.fingerprint = b""
        directory.failures = 0
        guess(gate, 1, net_id="own")
        account.person_id, account.fingerprint = ALICE.id, b"as ever"
        directory.failures = 0
        if net_id == "nobody":
            directory.outcome = InvalidCredentials(Refusal.UNKNOWN_PERSON)
        outcomes = []
        for number in range(4):
            outcomes += guess(gate, 1, net_id=net_id, password="old", client_id=f"client{number}")
        return outcomes + guess(gate, 6, net_id=net_id)

    assert answers("nobody") == answers("alice")


def test_unknown_names_get_the_usual_limit_in_a_new_worker() -> None:
    """A worker that has seen no account limits unknown names as most directories would."""
    known = guess(Gate(Locking(), shield_budget=3, person="8/hour"), 12)
    directory = Locking()
    directory.outcome = InvalidCredentials(Refusal.UNKNOWN_PERSON)
    assert guess(Gate(directory, shield_budget=3, person="8/hour"), 12, net_id="nobody") == known


def test_budget_of_0_switches_the_protection_off() -> None:
    """An operator may rely on the limits alone."""
    assert guess(Gate(Locking(), shield_budget=0), 9) == ["refused"] * 9
