"""A directory of two people for logins with app passwords, and how a test expects a refusal."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from directory import Account, InvalidCredentials, Person, Refusal
from login import AppPasswordLoginRefused
from tests.fakes import ALICE, FakeAccount, FakeDirectory

CAROL = replace(ALICE, id="carol-id", net_id="carol")


class Campus(FakeDirectory):
    """A directory of two people, each with a further name. It fails at a bind."""

    def __init__(self) -> None:
        super().__init__(account=FakeAccount())
        self.people = {person.id: person for person in (ALICE, CAROL)}
        self.names = {"alice": ALICE.id, "a.baker@campus.example": ALICE.id, "carol": CAROL.id}

    def find(self, net_id: str, *, groups: bool = False) -> Account:
        """The account of a name."""
        if net_id not in self.names:
            self.asked.append(net_id)
            raise InvalidCredentials(Refusal.DISABLED if net_id == "dora" else Refusal.UNKNOWN_PERSON)
        self.account = FakeAccount(person_id=self.names[net_id])
        return super().find(net_id, groups=groups)

    def read(self, person_id: str, *, groups: bool = False) -> Person:
        """The person with an id, or the outcome that a test chose."""
        person = super().read(person_id, groups=groups)
        return self.people[person_id] if person is ALICE else person

    def verify(self, net_id: str, password: str, *, groups: bool = False) -> Person:
        """No test here may come so far."""
        raise AssertionError("a bind")


def refused(call: Callable[[], object]) -> AppPasswordLoginRefused:
    """The refusal that a call raises."""
    with pytest.raises(AppPasswordLoginRefused) as caught:
        call()
    return caught.value
