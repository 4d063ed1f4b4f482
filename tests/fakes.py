"""Fakes of the server's dependencies. Each keeps the contract, and records its calls."""

from collections.abc import Callable
from dataclasses import dataclass, field

from directory import (
    Account,
    DirectoryUnavailable,
    InvalidCredentials,
    LockoutStatus,
    Person,
    PersonState,
    Refusal,
)
from telemetry import Actor

OPERATOR = Actor("operator")
"""Who makes the changes of tests."""
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
    """What a directory shows of an account. `reads` counts the reads of its lockout status."""

    person_id: str = ALICE.id
    fingerprint: bytes = b"as ever"
    unchanged: bool = True
    counted: LockoutStatus = field(default_factory=LockoutStatus)
    reads: int = 0

    def is_unchanged(self) -> bool:
        """As set, unless the fingerprint is empty."""
        return self.unchanged and bool(self.fingerprint)

    def lockout_status(self) -> LockoutStatus:
        """As set."""
        self.reads += 1
        return self.counted


class FoundAccount:
    """The account that a name leads to in a fake directory, which verifies its password."""

    def __init__(
        self,
        shown: FakeAccount | None,
        net_id: str,
        verify: Callable[[str, str], Person],
    ) -> None:
        self.is_readable = shown is not None
        self._shown = shown or FakeAccount()
        self._net_id = net_id
        self._verify = verify

    @property
    def person_id(self) -> str:
        """As set."""
        return self._shown.person_id

    @property
    def fingerprint(self) -> bytes:
        """As set."""
        return self._shown.fingerprint

    def is_unchanged(self) -> bool:
        """As set."""
        return self._shown.is_unchanged()

    def lockout_status(self) -> LockoutStatus:
        """As set."""
        return self._shown.lockout_status()

    def refusal_without_bind(self, detail: str) -> InvalidCredentials:
        """Refuse as a wrong password of this person."""
        refusal = InvalidCredentials(Refusal.WRONG_PASSWORD, detail)
        refusal.person_id = self._shown.person_id
        return refusal

    def verify(self, password: str) -> Person:
        """Ask the directory."""
        return self._verify(self._net_id, password)


class FakeDirectory:
    """A directory that answers with `outcome`, and records names that were searched and passwords bound.

    `account` is what it shows before a bind; None for a directory that shows nothing. Subclasses override
    `find` or `verify`.
    """

    def __init__(self, outcome: Outcome = ALICE, account: FakeAccount | None = None) -> None:
        self.outcome = outcome
        self.account = account
        self.asked: list[str] = []
        self.bound: list[tuple[str, str]] = []
        self.sought: list[str] = []
        self.spellings: dict[str, str | None] = {}

    def find(self, net_id: str, *, groups: bool = False) -> Account:
        """The account, whatever the name. An unknown person has none to show, and is refused by `verify`."""
        self.asked.append(net_id)
        is_unknown = getattr(self.outcome, "reason", None) is Refusal.UNKNOWN_PERSON
        shown = None if is_unknown else self.account
        return FoundAccount(shown, net_id, lambda name, password: self.verify(name, password, groups=groups))

    def verify(self, net_id: str, password: str, *, groups: bool = False) -> Person:
        """The outcome, whatever the password."""
        del groups
        self.bound.append((net_id, password))
        return self._answer()

    def read(self, person_id: str, *, groups: bool = False) -> Person:
        """The outcome, whatever the id."""
        self.sought.append(person_id)
        return self._answer()

    def examine(self, net_id: str, *, groups: bool = False) -> PersonState:
        """The outcome, whatever the name."""
        self.sought.append(net_id)
        counted = self.account.counted if self.account else LockoutStatus()
        return PersonState(self._answer(), lockout_status=counted)

    def spelling(self, dn: str) -> str | None:
        """As set, else the DN itself."""
        if isinstance(self.outcome, DirectoryUnavailable):
            raise self.outcome
        return self.spellings.get(dn, dn)

    def ping(self) -> None:
        """Raise where the directory is unavailable."""
        if isinstance(self.outcome, DirectoryUnavailable):
            raise self.outcome

    def check_settings(self) -> None:
        """Raise where the directory is unavailable."""
        self.ping()

    def close(self) -> None:
        """Nothing to close."""

    def _answer(self) -> Person:
        if isinstance(self.outcome, Person):
            return self.outcome
        raise self.outcome
