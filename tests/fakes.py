"""Stand-ins for what the server depends on: each keeps the contract, and a record."""

from directory import Admit, DirectoryUnavailable, InvalidCredentials, Person

ALICE = Person(
    id="14aa2a51-03f1-562a-8307-e12ff2455495",
    net_id="alice",
    dn="uid=alice,ou=people,dc=campus,dc=example",
    name="Alice Baker",
    mail="alice@campus.example",
    password_changed_at=1_788_249_600,
)

Outcome = Person | InvalidCredentials | DirectoryUnavailable


class FakeDirectory:
    """A directory that answers as it is told, and remembers what it was asked."""

    def __init__(self, outcome: Outcome = ALICE) -> None:
        self.outcome = outcome
        self.asked: list[tuple[str, str]] = []
        self.sought: list[str] = []

    def authenticate(
        self, net_id: str, password: str, *, groups: bool = False, admit: Admit | None = None
    ) -> Person:
        """The outcome, whoever asks."""
        self.asked.append((net_id, password))
        return self._answer()

    def find(self, person_id: str, *, groups: bool = False) -> Person:
        """The outcome, whoever is looked for."""
        self.sought.append(person_id)
        return self._answer()

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
