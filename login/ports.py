"""What logins ask of a store: Protocols, which `models` satisfies without knowing of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from login.attempt_key import AttemptKey


class FailureRecord(Protocol):
    """One failure of a person, or a try that is under way. `at` is in seconds since the epoch."""

    @property
    def id(self) -> int:
        """Its number."""
        ...

    @property
    def at(self) -> int:
        """When."""
        ...

    @property
    def client_id(self) -> str:
        """Through which client."""
        ...

    @property
    def guess(self) -> bool:
        """Whether it was a guess: the password had not been refused before."""
        ...

    @property
    def tried(self) -> bool:
        """Whether the directory may have counted it."""
        ...

    @property
    def cleared(self) -> bool:
        """Whether the person has logged in since."""
        ...

    @property
    def pending(self) -> bool:
        """Whether nobody has written down yet what came of it."""
        ...


class RefusedPasswordRecord(Protocol):
    """A password that was refused of late."""

    @property
    def tag(self) -> bytes:
        """32 bits of its keyed digest."""
        ...

    @property
    def state(self) -> bytes:
        """The state of the account in which it was certainly wrong; empty where nothing is certain."""
        ...


@dataclass(frozen=True, slots=True)
class Threshold:
    """A question: when was the `nth` newest guess since `since`? Of a client, an address, or of anybody.

    `since` is in seconds since the epoch.
    """

    nth: int
    since: int
    client_id: str | None = None
    address: str | None = None


PENDING: Final = "pending"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a try: whose it was, why it was refused, and what it counts as.

    `subject` is a person's stable id; where none is known, the `spelling` of the attempt.
    """

    reason: str
    subject: str | None = None
    guess: bool = True
    tried: bool = True


class FailureRecords(Protocol):
    """Failures that every worker and node knows of. Anything may raise the store's trouble."""

    def look(
        self, name: bytes, subject: str | None, since: int, thresholds: Sequence[Threshold]
    ) -> tuple[Sequence[FailureRecord], Sequence[int | None]]:
        """The failures under a name or of a subject since a moment, newest first; an answer a threshold."""
        ...

    def record(self, at: int, attempt: AttemptKey, outcome: Outcome) -> int:
        """Write a failure down, and give back its number."""
        ...

    def settle(self, number: int, outcome: Outcome) -> None:
        """Write down what came of a try that was recorded before."""
        ...

    def forget(self, number: int) -> None:
        """Take a record back: nothing was tried."""
        ...

    def clear(self, subjects: Sequence[str], since: int) -> None:
        """Mark that the person has logged in after their failures since a moment.

        Those that share no more than the digest of a name may be another person's.
        """
        ...


class RefusedPasswordRecords(Protocol):
    """Refused passwords that every worker and node knows of. Anything may raise the store's trouble."""

    def of(self, subject: str, at: int) -> Sequence[RefusedPasswordRecord]:
        """The few newest of a person, or of a name that is nobody's, as of a moment."""
        ...

    def remember(self, subject: str, client_id: str, tag: bytes, state: bytes, at: int) -> None:
        """Remember one in the place of what was known of it."""
        ...
