"""The time of a refusal reveals nothing: a refusal without a bind takes as long as a bind."""

import contextlib
from collections.abc import Callable

import pytest

from directory import Account, DirectoryUnavailable, InvalidCredentials, Person, Refusal
from login import Throttled
from login.concurrency import PermitTimeout
from login.response_time import ResponseTimeFloor
from tests.fakes import ALICE, FakeAccount, FakeDirectory
from tests.guards import Gate


class Clock:
    """A clock that a sleep moves. It records the sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        """Seconds."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept.append(round(seconds, 6))
        self.now += seconds


class Timed(FakeDirectory):
    """A directory whose searches and binds move the clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(account=FakeAccount())
        self.clock = clock
        self.search = 0.002
        self.bind = 0.03

    def find(self, net_id: str, *, groups: bool = False) -> Account:
        """Search, and move the clock."""
        self.clock.now += self.search
        if isinstance(self.outcome, InvalidCredentials) and self.outcome.reason is Refusal.UNKNOWN_PERSON:
            raise self.outcome
        return super().find(net_id, groups=groups)

    def verify(self, net_id: str, password: str, *, groups: bool = False) -> Person:
        """Bind, and move the clock."""
        self.clock.now += self.bind
        return super().verify(net_id, password, groups=groups)


def wrong() -> InvalidCredentials:
    """A refused bind."""
    refusal = InvalidCredentials(Refusal.WRONG_PASSWORD)
    refusal.server = "ldap://one.example"
    return refusal


@pytest.fixture
def clock() -> Clock:
    """A clock that sleeping moves."""
    return Clock()


@pytest.fixture
def directory(clock: Clock) -> Timed:
    """A directory whose answers take time."""
    return Timed(clock)


@pytest.fixture
def took(directory: Timed, clock: Clock) -> Callable[..., float]:
    """Log in, and return the seconds that the answer took."""
    gate = Gate(directory, monotonic=clock, sleep=clock.sleep, client="9/minute")

    def ask(outcome: Person | InvalidCredentials | DirectoryUnavailable, **attempt: str) -> float:
        directory.outcome = outcome
        began = clock.now
        with contextlib.suppress(InvalidCredentials, DirectoryUnavailable, Throttled):
            gate.ask(**attempt)
        return round(clock.now - began, 6)

    return ask


UNKNOWN = InvalidCredentials(Refusal.UNKNOWN_PERSON)
DISABLED = InvalidCredentials(Refusal.DISABLED)


def test_unknown_name_takes_as_long_as_a_wrong_password(took: Callable[..., float], directory: Timed) -> None:
    """After a refused bind, refusals without a bind take no less time."""
    assert took(wrong()) == 0.032
    assert took(UNKNOWN, net_id="nobody") == 0.032
    directory.bind = 0
    assert took(DISABLED) == 0.032


def test_logins_with_groups_have_their_own_floor() -> None:
    """Groups are searched before the bind: such refusals take longer, and have their own floor."""
    clock = Clock()
    floor = ResponseTimeFloor(at_once=9, monotonic=clock, sleep=clock.sleep)

    def took(refusal: InvalidCredentials, seconds: float, *, groups: bool) -> float:
        began = clock.now
        with contextlib.suppress(InvalidCredentials), floor.timing(groups=groups):
            clock.now += seconds
            raise refusal
        return round(clock.now - began, 6)

    for _ in range(100):
        took(wrong(), 0.03, groups=False)
    took(wrong(), 0.05, groups=True)
    assert took(UNKNOWN, 0.002, groups=True) == 0.05
    assert took(UNKNOWN, 0.002, groups=False) == 0.03


def test_repeated_password_takes_as_long_as_a_new_one(took: Callable[..., float]) -> None:
    """A refusal from the cache takes as long as the first refusal."""
    assert took(wrong(), password="old") == 0.032
    assert took(wrong(), password="old") == 0.032


def test_refusal_after_a_quick_bind_is_delayed(took: Callable[..., float], directory: Timed) -> None:
    """A person with a quicker hash waits as long as others; a right login is never delayed."""
    assert took(wrong()) == 0.032
    directory.bind = 0.001
    assert took(wrong()) == 0.032
    assert took(ALICE) == 0.003


def test_right_logins_set_the_floor_before_the_first_refusal(took: Callable[..., float]) -> None:
    """Before the first refused bind, accepted binds set the floor."""
    assert took(ALICE) == 0.032
    assert took(UNKNOWN, net_id="nobody") == 0.032


def test_delay_is_at_most_a_tenth_of_a_second(took: Callable[..., float], directory: Timed) -> None:
    """The delay of a refusal is bounded, however slow the directory is."""
    directory.bind = 2.0
    took(wrong())
    assert took(UNKNOWN, net_id="nobody") == 0.1


def test_no_refusal_is_delayed_after_an_outage(
    took: Callable[..., float], clock: Clock, directory: Timed
) -> None:
    """For half a minute after an outage, no delay holds a thread."""
    took(wrong())
    took(DirectoryUnavailable("away"))
    assert took(UNKNOWN, net_id="nobody") == directory.search
    clock.now += 30
    assert took(UNKNOWN, net_id="nobody") == 0.032


def test_timeout_for_a_permit_keeps_the_floor(took: Callable[..., float]) -> None:
    """Many logins of one person at once do not switch the floor off."""
    took(wrong())
    took(PermitTimeout("other logins of the same person take too long"))
    assert took(UNKNOWN, net_id="nobody") == 0.032


def test_throttled_attempt_is_not_delayed_before_the_directory_is_asked(took: Callable[..., float]) -> None:
    """A 429 before the directory is asked reveals nothing by its time."""
    for number in range(9):
        took(wrong(), net_id=f"name{number}")
    assert took(wrong(), net_id="another") == 0


def test_delay_holds_no_slot(directory: Timed, clock: Clock) -> None:
    """A delayed refusal holds no slot at the directory."""
    inside: list[str] = []

    def sleep(seconds: float) -> None:
        directory.outcome = ALICE
        inside.append(gate.ask("alice", "right").net_id)

    gate = Gate(directory, monotonic=clock, sleep=sleep, slots=1)
    for outcome in (wrong(), UNKNOWN):
        directory.outcome = outcome
        with pytest.raises(InvalidCredentials):
            gate.ask("nobody")
    assert inside == ["alice"]


def test_few_refusals_are_delayed_at_once() -> None:
    """Each delay holds a thread: beyond a few, refusals are not delayed."""
    clock = Clock()
    floor = ResponseTimeFloor(at_once=1, monotonic=clock, sleep=lambda _: refuse(UNKNOWN))
    held: list[str] = []

    def refuse(refusal: InvalidCredentials) -> None:
        held.append(refusal.reason)
        with contextlib.suppress(InvalidCredentials), floor.timing():
            clock.now += 0.03 if refusal.server else 0
            raise refusal

    refuse(wrong())
    refuse(UNKNOWN)
    assert held == ["wrong_password", "unknown_person", "unknown_person"]


def test_wrong_password_takes_as_long_as_an_unknown_name_on_two_servers(
    took: Callable[..., float], directory: Timed
) -> None:
    """A search on two servers may take longer than a bind; then the refusal of the bind is delayed."""
    assert took(wrong()) == 0.032
    unknown = InvalidCredentials(Refusal.UNKNOWN_PERSON)
    unknown.servers = ("ldap://one.example", "ldap://two.example")
    directory.search = 0.05
    assert took(unknown, net_id="nobody") == 0.05
    directory.search = 0.002
    assert took(wrong(), net_id="bob", password="other") == 0.05
    assert took(wrong(), net_id="carol", password="another") == 0.05
    assert took(ALICE) == 0.032
