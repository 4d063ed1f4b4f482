"""What logins need of a store: Protocols, which `models` satisfies without knowing of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

SIGN_IN_PAGE: Final = ""
"""The client of an attempt on the sign-in page. Nothing counts by it: anyone can send a client's id there."""

PASSWORD_AMR: Final = ("pwd",)
"""The methods of a sign-in with a password (RFC 8176, 2)."""


class AttemptKey(NamedTuple):
    """What an attempt is counted by.

    `name` is a keyed digest of the folded login name, since users type passwords into that field. `address`
    is a network: one IPv4 address, or the /64 of an IPv6 address. `spelling` is a keyed digest of the login
    name exactly as typed. It owns a failure where no stable id is known: two people's names may fold alike.
    """

    name: bytes
    client_id: str
    address: str
    spelling: str | None = None


class FailureRecord(Protocol):
    """One failure of a person, or an attempt that is under way. `at` is in seconds since the epoch."""

    @property
    def id(self) -> int:
        """Its number."""
        ...

    @property
    def at(self) -> int:
        """The time."""
        ...

    @property
    def client_id(self) -> str:
        """The client."""
        ...

    @property
    def reason(self) -> str:
        """Why it was refused; `pending` while its outcome is not recorded yet."""
        ...

    @property
    def is_new_password(self) -> bool:
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
        """Whether its outcome is not recorded yet."""
        ...


class RefusedPasswordRecord(Protocol):
    """A password that was refused recently."""

    @property
    def tag(self) -> bytes:
        """32 bits of its keyed digest."""
        ...

    @property
    def fingerprint(self) -> bytes:
        """The account's fingerprint when the password was certainly wrong; empty where nothing is certain."""
        ...

    @property
    def client_id(self) -> str:
        """The client that sent it."""
        ...

    @property
    def at(self) -> int:
        """When it was last remembered, in seconds since the epoch."""
        ...


@dataclass(frozen=True, slots=True)
class Threshold:
    """A question: when was the `nth` newest guess since `since`, of a client, an address, or all?

    `since` is in seconds since the epoch.
    """

    nth: int
    since: int
    client_id: str | None = None
    address: str | None = None


PENDING: Final = "pending"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended: its owner, why it was refused, and what it counts as.

    `subject` is a person's stable id; where none is known, the `spelling` of the attempt.
    """

    reason: str
    subject: str | None = None
    is_new_password: bool = True
    tried: bool = True


class FailureRecords(Protocol):
    """Failures that all workers and nodes share. Each method may raise the store's own exception."""

    def look(
        self, name: bytes, subject: str | None, since: int, thresholds: Sequence[Threshold]
    ) -> tuple[Sequence[FailureRecord], Sequence[int | None]]:
        """The failures under a name or of a subject since a time, newest first; an answer per threshold."""
        ...

    def record(self, at: int, attempt: AttemptKey, outcome: Outcome) -> int:
        """Record a failure, and return its number."""
        ...

    def settle(self, number: int, outcome: Outcome) -> None:
        """Record the outcome of an attempt that was recorded before its bind."""
        ...

    def forget(self, number: int) -> None:
        """Delete a record: nothing was tried."""
        ...

    def clear(self, subjects: Sequence[str], since: int) -> None:
        """Mark the failures of a person since a time as followed by a success.

        Failures that share only the digest of a name stay: they may be another person's.
        """
        ...


class RefusedPasswordRecords(Protocol):
    """Refused passwords that all workers and nodes share. Each method may raise the store's own exception."""

    def of(self, subject: str, at: int) -> Sequence[RefusedPasswordRecord]:
        """The few newest of a person, or of a name that leads to no person, at a time."""
        ...

    def remember(self, subject: str, client_id: str, tag: bytes, fingerprint: bytes, at: int) -> None:
        """Store one in place of an earlier record of the same password of the same client."""
        ...


class AppPasswordRecord(Protocol):
    """An app password as it is stored. Times are in seconds since the epoch."""

    @property
    def id(self) -> bytes:
        """Its public number."""
        ...

    @property
    def client_id(self) -> str:
        """The one client that may use it."""
        ...

    @property
    def directory(self) -> str:
        """The name of the directory that `subject` belongs to."""
        ...

    @property
    def subject(self) -> str:
        """The stable id of its user."""
        ...

    @property
    def scope(self) -> str:
        """The scopes that it may give, with spaces between; empty for all of the client's."""
        ...

    @property
    def networks(self) -> Sequence[str]:
        """The networks that it may be used from; empty for any."""
        ...

    @property
    def password_changed_at(self) -> int | None:
        """When the password of its user had been changed, as it was known at the making."""
        ...

    @property
    def expires_at(self) -> int:
        """Its end. No token that it gives lives longer."""
        ...

    @property
    def last_used_at(self) -> int | None:
        """When it last gave a token; None if it never did."""
        ...

    @property
    def missed(self) -> bool:
        """Whether the directory did not find its user at an earlier look-up."""
        ...

    def is_live(self, now: int) -> bool:
        """Whether it has neither ended nor expired, nor been unused for too long."""
        ...


class AppPasswordRecords(Protocol):
    """App passwords that all workers and nodes share. The method may raise the store's own exception."""

    def find(self, digest: bytes) -> AppPasswordRecord | None:
        """The app password with this digest, live or not; None if there is none."""
        ...
