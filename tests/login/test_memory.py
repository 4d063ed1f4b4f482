"""A password that was certainly wrong is cached, so a forgotten program uses up no guesses."""

import pytest

from directory import InvalidCredentials, Refusal
from login import Throttled
from login.refused_passwords import RefusedPasswordCache
from tests.conftest import Clock
from tests.failures import MemoryFailures
from tests.fakes import ALICE, FakeAccount, FakeDirectory
from tests.guards import Away, Gate, Refusals

WRONG = InvalidCredentials(Refusal.WRONG_PASSWORD)


def wrong() -> FakeDirectory:
    """A directory that refuses every password."""
    return FakeDirectory(WRONG, FakeAccount())


def fail(gate: Gate, password: str = "old", **attempt: str) -> InvalidCredentials:  # noqa: S107
    """Log in, which must be refused, and return the refusal."""
    with pytest.raises(InvalidCredentials) as caught:
        gate.ask(password=password, **attempt)
    return caught.value


def store_of(gate: Gate) -> MemoryFailures:
    """The store of a gate."""
    assert isinstance(gate.store, MemoryFailures)
    return gate.store


def test_repeated_password_costs_no_bind() -> None:
    """The same wrong password again is refused as before, after a search, and without a bind."""
    directory = wrong()
    gate = Gate(directory)
    first = fail(gate)
    again = [fail(gate) for _ in range(5)]
    assert {refusal.reason for refusal in again} == {first.reason}
    assert (len(directory.asked), len(directory.bound)) == (6, 1)


def test_forgotten_program_uses_no_guesses_of_its_owner() -> None:
    """A program that repeats one password blocks itself; the owner's other programs keep all guesses."""
    directory = wrong()
    gate = Gate(directory, person="4/15minutes", shield_budget=3)
    for _ in range(4):
        fail(gate)
    with pytest.raises(Throttled):
        gate.ask(password="old")
    directory.outcome = ALICE
    assert gate.ask(client_id="another") is ALICE


def test_password_that_has_become_right_is_accepted() -> None:
    """After the account has changed, a cached password is tried again."""
    directory = wrong()
    gate = Gate(directory)
    fail(gate)
    assert directory.account is not None
    directory.account.fingerprint = b"changed"
    directory.outcome = ALICE
    assert gate.ask(password="old") is ALICE


@pytest.mark.parametrize("reason", [Refusal.LOCKED, Refusal.EXPIRED, Refusal.MUST_CHANGE, Refusal.NOT_NOW])
def test_only_a_certainly_wrong_password_is_cached(reason: Refusal) -> None:
    """A password that was refused for another reason may be right, and is tried each time."""
    directory = FakeDirectory(InvalidCredentials(reason), FakeAccount())
    gate = Gate(directory)
    for _ in range(3):
        fail(gate)
    assert len(directory.bound) == 3


def test_account_that_changed_during_the_bind_is_not_cached() -> None:
    """A lock that began just before the bind may have refused a right password."""
    directory = FakeDirectory(WRONG, FakeAccount(unchanged=False))
    gate = Gate(directory)
    for _ in range(3):
        fail(gate)
    assert len(directory.bound) == 3


def test_cached_password_expires_after_15_minutes() -> None:
    """After a quarter of an hour the password is tried again."""
    directory = wrong()
    gate = Gate(directory)
    fail(gate)
    gate.clock.now += 899
    fail(gate)
    gate.clock.now += 1
    fail(gate)
    assert len(directory.bound) == 2


def test_another_password_is_another_guess() -> None:
    """A cached password answers for no other password, and for no other person."""
    directory = wrong()
    gate = Gate(directory)
    fail(gate, "one")
    fail(gate, "two")
    directory.account = FakeAccount("bob")
    fail(gate, "one", net_id="bob")
    assert len(directory.bound) == 3


def test_tag_is_short_and_keyed_by_person() -> None:
    """32 bits under a key of each person are too little to find the password, even with the server's key."""
    clock = Clock()
    cache = RefusedPasswordCache(Refusals(), b"p" * 32, Away, clock=clock, monotonic=clock)
    tags = {cache.tag(owner, password) for owner in ("alice", "bob") for password in ("x", "y")}
    assert len(tags) == 4
    assert {len(tag) for tag in tags} == {4}


def test_help_desk_sees_repetitions() -> None:
    """A repetition has its own row, and counts neither as a guess nor as a bind."""
    gate = Gate(wrong())
    fail(gate)
    fail(gate)
    rows = [row.outcome for row in store_of(gate).rows]
    assert [(row.reason, row.is_new_password, row.tried) for row in rows] == [
        ("wrong_password", True, True),
        ("wrong_password", False, False),
    ]
    assert {row.subject for row in rows} == {ALICE.id}


@pytest.mark.parametrize("fingerprint", [b"as ever", b""])
def test_repetitions_for_an_unknown_name_count_the_same(fingerprint: bytes) -> None:
    """For a repeated password, an unknown name gets the same answers as a person."""
    directory = FakeDirectory(WRONG, FakeAccount(fingerprint=fingerprint))
    gate = Gate(directory, person="6/15minutes", shield_budget=3)
    fail(gate, "first", net_id="alice")
    assert directory.account is not None

    def run(net_id: str) -> list[str]:
        outcomes = []
        for password in ("a", "a", "a", "a", "b", "b", "c", "c", "d"):
            try:
                gate.ask(net_id, password)
            except (InvalidCredentials, Throttled) as error:
                outcomes.append(str(error.args[0]) if isinstance(error, Throttled) else "refused")
        return outcomes

    directory.account = FakeAccount("bob", fingerprint=fingerprint)
    known = run("bob")
    directory.outcome = InvalidCredentials(Refusal.UNKNOWN_PERSON)
    assert run("nobody") == known


def test_passwords_are_tried_while_the_cache_is_away() -> None:
    """While the store of the cache is away, every password is tried, within the limits."""
    directory = wrong()
    gate = Gate(directory, person="4/15minutes")
    gate.refused.away = True
    for _ in range(4):
        fail(gate)
    assert len(directory.bound) == 4
    assert gate.refused.asked == 1


def test_right_login_costs_no_query_of_the_cache() -> None:
    """Without a recent failure the cache is not queried."""
    directory = FakeDirectory(account=FakeAccount())
    gate = Gate(directory)
    for _ in range(5):
        gate.ask(password="right")
    assert gate.refused.asked == 0
