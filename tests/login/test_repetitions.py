"""Repetitions of a refused password where the entry does not show when its password changed.

The password may become right without a trace. So the same client's repetition is bound again, at most once in
five minutes, and leaves one bind of the budget to other passwords.
"""

from collections.abc import Callable

import pytest

from directory import Account, InvalidCredentials, LockoutStatus, Person, Refusal
from login import Throttled
from tests.conftest import Clock
from tests.fakes import FakeAccount, FakeDirectory
from tests.guards import Gate

LOCKS_AT, BUDGET = 5, 3
MINUTE, HOUR = 60, 3600
OLD, RIGHT = "old", "right"

# What the directory shows before a bind: an account with its failures, without them, or no account at all.
SHOWN = ("failures", "account", "nothing")


class Campus(FakeDirectory):
    """A directory that locks, and does not show when a password changed. `refuses` is why it refuses.

    If it hides its failures, it forgets them after the window of the lockout protection; else it never does.
    """

    def __init__(self, shows: str = "account") -> None:
        super().__init__(account=FakeAccount(fingerprint=b"") if shows != "nothing" else None)
        self.shows_failures = shows == "failures"
        self.refuses = Refusal.WRONG_PASSWORD
        self.passwords = {RIGHT}
        self.clock = Clock()
        self.failed_at: list[float] = []

    @property
    def failures(self) -> int:
        """The failures that count towards a lock."""
        since = float("-inf") if self.shows_failures else self.clock.now - HOUR
        return sum(at > since for at in self.failed_at)

    def find(self, net_id: str, *, groups: bool = False) -> Account:
        """The account, with its failures if they are shown."""
        if self.account is not None and self.shows_failures:
            self.account.counted = LockoutStatus(self.failures, LOCKS_AT)
        return super().find(net_id, groups=groups)

    def verify(self, net_id: str, password: str, *, groups: bool = False) -> Person:
        """Accept the right passwords, unless the account is locked."""
        person = super().verify(net_id, password, groups=groups)
        if password in self.passwords and self.failures < LOCKS_AT:
            self.failed_at.clear()
            return person
        self.failed_at.append(self.clock.now)
        raise InvalidCredentials(self.refuses)


@pytest.fixture(params=SHOWN)
def gate(request: pytest.FixtureRequest) -> Gate:
    """A login with lockout protection over each kind of such a directory, and no other limit."""
    return gate_over(Campus(request.param))


def gate_over(campus: Campus) -> Gate:
    """A login with lockout protection, and no other limit."""
    return Gate(
        campus,
        clock=campus.clock,
        shield_budget=BUDGET,
        shield_window=HOUR,
        sees_accounts=campus.account is not None,
    )


def campus_of(gate: Gate) -> Campus:
    """The directory behind a login."""
    assert isinstance(gate.directory, Campus)
    return gate.directory


def answer(gate: Gate, password: str = OLD, client_id: str = "old-program", net_id: str = "alice") -> str:
    """Log in, and return the outcome."""
    try:
        gate.ask(net_id, password, client_id=client_id)
    except InvalidCredentials as refusal:
        return refusal.reason.value
    except Throttled as throttled:
        return throttled.cause.value
    return "in"


def test_repetition_is_bound_once_in_five_minutes(gate: Gate) -> None:
    """Within five minutes a repetition gets the answer of the last bind, without a bind."""
    binds = []
    for _ in range(10):
        assert answer(gate) == "wrong_password"
        binds.append(len(campus_of(gate).bound))
        gate.clock.now += MINUTE - 0.1
    assert binds == [1, 1, 1, 1, 1, 1, 2, 2, 2, 2]


def test_password_that_has_become_right_gets_through(gate: Gate) -> None:
    """Five minutes after the last bind the password is tried again."""
    answer(gate)
    campus_of(gate).passwords.add(OLD)
    gate.clock.now += 299
    assert answer(gate) == "wrong_password"
    gate.clock.now += 1
    assert answer(gate) == "in"


@pytest.mark.parametrize("every", [1, 10, MINUTE, 5 * MINUTE, 20 * MINUTE, 59 * MINUTE])
def test_old_program_blocks_no_other_program(gate: Gate, every: int) -> None:
    """However often a program repeats an old password, the account stays open for other programs."""
    campus = campus_of(gate)
    times = min(200, 20 * HOUR // every)
    for number in range(times):
        assert answer(gate) in {"wrong_password", "shield"}
        assert campus.failures < BUDGET
        if number in {2, times - 1}:
            assert answer(gate, RIGHT, "another-program") == "in"
        gate.clock.now += every


def test_repetition_leaves_a_bind_to_other_passwords(gate: Gate) -> None:
    """With two of three binds used the repetition is throttled, not refused; a new password is bound."""
    for _ in range(2):
        assert answer(gate) == "wrong_password"
        gate.clock.now += 5 * MINUTE
    assert answer(gate) == "shield"
    assert len(campus_of(gate).bound) == 2
    assert answer(gate, "another") == "wrong_password"
    assert len(campus_of(gate).bound) == 3
    assert answer(gate, RIGHT) == "shield"


def test_repetition_leaves_the_last_bind_before_a_lock_to_others() -> None:
    """Failures at other services use up the directory's limit too: the repetition is the first to stop."""
    campus = Campus("failures")
    gate = gate_over(campus)
    answer(gate)
    campus.failed_at *= LOCKS_AT - 2
    gate.clock.now += 5 * MINUTE
    assert answer(gate) == "shield"
    assert answer(gate, "another") == "wrong_password"
    assert answer(gate, RIGHT) == "shield"
    assert campus.failures == LOCKS_AT - 1


def test_throttled_repetition_stays_a_repetition(gate: Gate) -> None:
    """A program that goes on while it is throttled never gets the bind that is left to other passwords."""
    for _ in range(2):
        answer(gate)
        gate.clock.now += 5 * MINUTE
    for _ in range(5):
        assert answer(gate) == "shield"
        gate.clock.now += 9 * MINUTE
    assert len(campus_of(gate).bound) == 2
    assert answer(gate, RIGHT) == "in"


def test_throttled_repetition_writes_to_the_cache_once_in_five_minutes(gate: Gate) -> None:
    """A flood of throttled repetitions causes few writes."""
    for _ in range(2):
        answer(gate)
        gate.clock.now += 5 * MINUTE
    answer(gate)
    records = [dict(each) for each in gate.refused.rows.values()]
    for _ in range(20):
        gate.clock.now += 10
        assert answer(gate) == "shield"
    assert list(gate.refused.rows.values()) == records


def test_repetition_through_another_client_is_bound(gate: Gate) -> None:
    """Another client's user may have typed it because it is right now. It leaves a bind to others too."""
    outcomes = [answer(gate, client_id=client_id) for client_id in ("one", "two", "one", "two", "three")]
    assert outcomes == ["wrong_password"] * 4 + ["shield"]
    assert len(campus_of(gate).bound) == 2
    assert answer(gate, RIGHT, "four") == "in"


@pytest.mark.parametrize("reason", [Refusal.LOCKED, Refusal.EXPIRED, Refusal.MUST_CHANGE, Refusal.NOT_NOW])
def test_refusal_for_another_reason_delays_no_repetition(gate: Gate, reason: Refusal) -> None:
    """A right password that was refused for a lock is tried again at once, within the budget."""
    campus_of(gate).refuses = reason
    assert answer(gate) == reason.value
    campus_of(gate).passwords.add(OLD)
    assert answer(gate) == "in"


def test_success_ends_the_delay_of_repetitions(gate: Gate) -> None:
    """After a login through another client, a password that was refused before is tried again at once."""
    answer(gate)
    campus_of(gate).passwords.add(OLD)
    assert answer(gate, RIGHT, "another-program") == "in"
    assert answer(gate, "typo", "another-program") == "wrong_password"
    assert answer(gate) == "in"


def test_repetition_is_held_back_without_lockout_protection() -> None:
    """With the protection switched off, a repetition is bound once in five minutes, without end."""
    campus = Campus()
    gate = Gate(campus, shield_budget=0)
    for _ in range(20):
        assert answer(gate) == "wrong_password"
        gate.clock.now += 150
    assert len(campus.bound) == 10


def test_password_that_changed_seconds_ago_is_held_back_too() -> None:
    """A repetition within a second of the first costs no bind, although the entry has just changed."""
    directory = FakeDirectory(InvalidCredentials(Refusal.WRONG_PASSWORD), FakeAccount(fingerprint=b""))
    gate = Gate(directory, shield_budget=BUDGET)
    assert [answer(gate) for _ in range(2)] == ["wrong_password"] * 2
    assert len(directory.bound) == 1
    assert directory.account is not None
    directory.account.fingerprint = b"settled"
    for _ in range(3):
        gate.clock.now += 10
        assert answer(gate) == "wrong_password"
    assert len(directory.bound) == 2


@pytest.mark.parametrize("fingerprint", [b"settled", b""], ids=["shown", "hidden"])
def test_repetition_counts_the_same_for_an_unknown_name(fingerprint: bytes) -> None:
    """Whether a repetition counts as a new guess does not reveal which names exist."""
    outcomes: dict[str, list[bool]] = {}
    for net_id in ("alice", "nobody"):
        directory = FakeDirectory(
            InvalidCredentials(Refusal.WRONG_PASSWORD), FakeAccount(fingerprint=fingerprint)
        )
        gate = Gate(directory, person="3/hour")
        for _ in range(2):
            answer(gate, net_id="seen")
        assert directory.account is not None
        directory.account.person_id = "another-person"
        if net_id == "nobody":
            directory.outcome = InvalidCredentials(Refusal.UNKNOWN_PERSON)
        outcomes[net_id] = []
        for number in range(8):
            outcomes[net_id].append(answer(gate, client_id=f"client{number}", net_id=net_id) == "person")
            gate.clock.now += 901
    assert outcomes["nobody"] == outcomes["alice"]
    assert any(outcomes["alice"]) is bool(fingerprint)


def polls(gate: Gate, net_id: str, every: int, next_password: Callable[[int], str]) -> list[str]:
    """The outcomes of 40 logins at this interval."""
    outcomes = []
    for number in range(40):
        gate.clock.now += every
        outcomes.append(answer(gate, next_password(number), net_id=net_id))
    return ["refused" if each in {"wrong_password", "unknown_person"} else each for each in outcomes]


@pytest.mark.parametrize("every", [1, 2 * MINUTE, 5 * MINUTE, 20 * MINUTE])
@pytest.mark.parametrize("changes_every", [3, 7, 40])
def test_unknown_name_gets_the_answers_of_a_person(every: int, changes_every: int) -> None:
    """Repetitions and new passwords, mixed: the answers do not reveal which names exist."""
    campus = Campus()
    gate = gate_over(campus)
    for password in ("first", "second"):
        answer(gate, password, net_id="seen")
    assert campus.account is not None
    campus.account.person_id = "another-person"
    known = polls(gate, "alice", every, lambda number: f"guess{number // changes_every}")
    campus.outcome = InvalidCredentials(Refusal.UNKNOWN_PERSON)
    assert polls(gate, "nobody", every, lambda number: f"guess{number // changes_every}") == known
    assert "shield" in known or every == 20 * MINUTE or changes_every == 40
