"""A right password that a rule refuses: its repetitions get the answers of a wrong one.

Else a guesser would learn, by repeating a password, that it is right.
"""

import pytest

from directory import InvalidCredentials, Person, Refusal
from login import Throttled
from tests.conftest import Clock
from tests.fakes import ALICE, FakeAccount, FakeDirectory
from tests.guards import Gate

RIGHT = "right"
STRICT, OPEN = "strict", "open"

# What the directory shows before a bind: when the password changed, an account without that, or nothing.
SHOWN = ("changes", "account", "nothing")


class Campus(FakeDirectory):
    """A directory that hides its count of failures, and accepts one password."""

    def __init__(self, shows: str, right: str) -> None:
        fingerprint = b"as ever" if shows == "changes" else b""
        super().__init__(account=None if shows == "nothing" else FakeAccount(fingerprint=fingerprint))
        self.right = right

    def verify(self, net_id: str, password: str, *, groups: bool = False) -> Person:
        """Accept the right password. Only the service account shows the person of a wrong one."""
        person = super().verify(net_id, password, groups=groups)
        if password == self.right:
            return person
        refusal = InvalidCredentials(Refusal.WRONG_PASSWORD)
        refusal.person_id = person.id if self.account is not None else None
        raise refusal


def gate_over(shows: str, right: str = RIGHT) -> Gate:
    """A login with lockout protection over a directory."""
    campus = Campus(shows, right)
    return Gate(campus, clock=Clock(), shield_budget=3, sees_accounts=campus.account is not None)


def answer(gate: Gate, password: str, client_id: str = STRICT) -> str:
    """Log in through a client, and return the outcome. The rules of all but one client refuse the person."""

    def check(person: Person) -> None:
        if client_id != OPEN:
            refusal = InvalidCredentials(Refusal.NOT_ALLOWED)
            refusal.person_id = person.id
            raise refusal

    try:
        gate.login.authenticate("alice", password, client_id=client_id, address="192.0.2.1", check=check)
    except InvalidCredentials:
        return "refused"
    except Throttled as throttled:
        return f"{throttled.cause.value} {throttled.retry_after}"
    return "in"


@pytest.mark.parametrize("every", [1, 200, 1000])
@pytest.mark.parametrize("passwords", [RIGHT, f"{RIGHT} a", f"a {RIGHT} b", f"a b {RIGHT} {RIGHT}"])
@pytest.mark.parametrize("clients", [(STRICT,), (STRICT, "another")])
@pytest.mark.parametrize("shows", SHOWN)
def test_repetitions_do_not_show_that_a_password_is_right(
    shows: str, clients: tuple[str, ...], passwords: str, every: int
) -> None:
    """Every sequence of passwords, clients and times has the answers that it has if all are wrong."""
    said: list[list[str]] = []
    for right in (RIGHT, "none of these"):
        gate, guesses = gate_over(shows, right), passwords.split()
        said.append([])
        for number in range(24):
            said[-1].append(answer(gate, guesses[number % len(guesses)], clients[number % len(clients)]))
            gate.clock.now += every
    assert said[0] == said[1]


def test_another_client_accepts_the_password_at_once() -> None:
    """The rules of one client keep no user out of another, even if guesses have used up the budget since."""
    gate = gate_over("changes")
    assert [answer(gate, RIGHT) for _ in range(10)] == ["refused"] * 10
    for number in range(9):
        answer(gate, f"guess{number}")
    assert answer(gate, "guess") == "shield 900"
    assert answer(gate, RIGHT, OPEN) == "in"


def test_changed_password_is_bound_within_the_budget_only() -> None:
    """After a change of the entry, a password that was right may be wrong, and costs a bind like a guess."""
    gate = gate_over("changes")
    assert answer(gate, RIGHT) == "refused"
    campus = gate.directory
    assert isinstance(campus, Campus)
    assert campus.account is not None
    campus.right, campus.account.fingerprint = "new", b"changed"
    assert [answer(gate, RIGHT) for _ in range(5)] == ["refused"] * 5
    assert len(campus.bound) == 2
    assert ALICE.id in gate.refused.rows
