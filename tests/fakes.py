"""Stand-ins for what the server depends on: each keeps the contract, and a record."""

from dataclasses import dataclass, field

from directory import (
    Admit,
    DirectoryUnavailable,
    InvalidCredentials,
    LockoutStatus,
    Person,
    PersonState,
    Refusal,
)

ALICE = Person(
    id="14aa2a51-03f1-562a-8307-e12ff2455495",
    net_id="alice",
    dn="uid=alice,ou=people,dc=campus,dc=example",
    name="Alice Baker",
    mail="alice@campus.example",
    password_changed_at=1_788_249_600,
)

Outcome = Person | InvalidCredentials | DirectoryUnavailable


@dataclass
class FakeAccount:
    """An account that is as it is told to be; `reads` counts how often it was asked for how it stands."""

    person_id: str = ALICE.id
    state: bytes = b"as ever"
    unchanged: bool = True
    counted: LockoutStatus = field(default_factory=LockoutStatus)
    reads: int = 0

    def is_unchanged(self) -> bool:
        """As told, unless nothing is certain."""
        return self.unchanged and bool(self.state)

    def lockout_status(self) -> LockoutStatus:
        """As told."""
        self.reads += 1
        return self.counted


class FakeDirectory:
    """A directory that answers as it is told, and remembers what it was asked, and what was bound with.

    `account` is shown to whoever wants to admit it; None for a directory that shows none.
    """

    def __init__(self, outcome: Outcome = ALICE, account: FakeAccount | None = None) -> None:
        self.outcome = outcome
        self.account = account
        self.asked: list[tuple[str, str]] = []
        self.bound: list[tuple[str, str]] = []
        self.sought: list[str] = []
        self.spellings: dict[str, str | None] = {}

    def authenticate(
        self, net_id: str, password: str, *, groups: bool = False, admit: Admit | None = None
    ) -> Person:
        """The outcome, whoever asks, if the account is admitted."""
        self.asked.append((net_id, password))
        # Whom nobody is named has no account to show.
        unknown = getattr(self.outcome, "reason", None) is Refusal.UNKNOWN_PERSON
        if admit is not None and self.account is not None and not unknown:
            admit(self.account)
        self.bound.append((net_id, password))
        return self._answer()

    def find(self, person_id: str, *, groups: bool = False) -> Person:
        """The outcome, whoever is looked for."""
        self.sought.append(person_id)
        return self._answer()

    def examine(self, net_id: str, *, groups: bool = False) -> PersonState:
        """The outcome, whoever is looked at."""
        self.sought.append(net_id)
        counted = self.account.counted if self.account else LockoutStatus()
        return PersonState(self._answer(), lockout_status=counted)

    def spelling(self, dn: str) -> str | None:
        """As told, else as it is asked for."""
        if isinstance(self.outcome, DirectoryUnavailable):
            raise self.outcome
        return self.spellings.get(dn, dn)

    def ping(self) -> None:
        """Quiet where the outcome says something about a person."""
        if isinstance(self.outcome, DirectoryUnavailable):
            raise self.outcome

    def close(self) -> None:
        """Nothing to close."""

    def _answer(self) -> Person:
        if isinstance(self.outcome, Person):
            return self.outcome
        raise self.outcome
