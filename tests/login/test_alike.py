"""Two people whose names fold to one form share a count, and neither clears the other's failures."""

from dataclasses import dataclass, replace

import pytest

from directory import Account, Directory, InvalidCredentials, Person, Refusal
from login import Throttled
from tests.fakes import ALICE, FakeAccount, FakeDirectory, FoundAccount
from tests.guards import Gate

ROSE = replace(ALICE, id="id-of-rose", net_id="rose")
ROSE_WITH_ACCENT = replace(ALICE, id="id-of-rosé", net_id="rosé")
GUESSES = 4
LIMIT = f"{GUESSES}/15minutes"


@dataclass
class Entry:
    """A person, their password, and the refusal of the right password, if any."""

    person: Person
    password: str
    refusal: Refusal | None = None


class Alike(FakeDirectory):
    """A directory of rose and rosé, which distinguishes them, with or without readable accounts."""

    def __init__(self, *, shows: bool) -> None:
        super().__init__()
        self.shows = shows
        self.entries = {"rose": Entry(ROSE, "of rose"), "rosé": Entry(ROSE_WITH_ACCENT, "of rosé")}

    def find(self, net_id: str, *, groups: bool = False) -> Account:
        """The account of the person with exactly this name, without regard to case."""
        self.asked.append(net_id)
        entry = self.entries.get(net_id.lower())
        if entry is None:
            raise InvalidCredentials(Refusal.UNKNOWN_PERSON)
        return FoundAccount(FakeAccount(entry.person.id) if self.shows else None, net_id, self.verify)

    def verify(self, net_id: str, password: str, *, groups: bool = False) -> Person:
        """The person, if the password is theirs and nothing else refuses them."""
        self.bound.append((net_id, password))
        entry = self.entries[net_id.lower()]
        reason = entry.refusal if password == entry.password else Refusal.WRONG_PASSWORD
        if reason is None:
            return entry.person
        refusal = InvalidCredentials(reason)
        if self.shows or reason is not Refusal.WRONG_PASSWORD:
            refusal.person_id = entry.person.id
        raise refusal


def guess(gate: Gate, net_id: str) -> None:
    """Guess a wrong password."""
    with pytest.raises(InvalidCredentials):
        gate.ask(net_id)


def is_throttled(gate: Gate, net_id: str, password: str | None = None) -> bool:
    """Whether an attempt is throttled."""
    try:
        gate.ask(net_id, password)
    except Throttled:
        return True
    except InvalidCredentials:
        return False
    return False


def gate_of(directory: Directory, *, sees_accounts: bool) -> Gate:
    """A login with a limit on guesses at one person."""
    return Gate(directory, person=LIMIT, sees_accounts=sees_accounts)


@pytest.mark.parametrize("shows", [True, False])
def test_a_success_leaves_the_failures_of_another(shows: bool) -> None:  # noqa: FBT001
    """The user `rose` guesses at `rosé` and logs in between: the limit is reached all the same."""
    gate = gate_of(Alike(shows=shows), sees_accounts=shows)
    for _ in range(GUESSES):
        guess(gate, "rosé")
        is_throttled(gate, "rose", "of rose")
    assert is_throttled(gate, "rosé")


@pytest.mark.parametrize("shows", [True, False])
def test_a_success_clears_the_users_own_failures(shows: bool) -> None:  # noqa: FBT001
    """A user who logs in after mistyping the password has all guesses again."""
    gate = gate_of(Alike(shows=shows), sees_accounts=shows)
    for _ in range(3):
        for _ in range(GUESSES - 1):
            guess(gate, "rosé")
        assert gate.ask("rosé", "of rosé").id == ROSE_WITH_ACCENT.id


@pytest.mark.parametrize("shows", [True, False])
def test_refusal_with_a_person_id_does_not_own_later_guesses(
    shows: bool,  # noqa: FBT001
) -> None:
    """A refusal of `rose` ties the folded name to her id, but later guesses at `rosé` are not hers."""
    directory = Alike(shows=shows)
    gate = gate_of(directory, sees_accounts=shows)
    directory.entries["rose"].refusal = Refusal.NOT_ALLOWED
    with pytest.raises(InvalidCredentials):
        gate.ask("rose", "of rose")
    directory.entries["rose"].refusal = None
    tried = 0
    while not is_throttled(gate, "rosé"):
        tried += 1
        assert tried <= GUESSES
        is_throttled(gate, "rose", "of rose")
    assert tried <= GUESSES
