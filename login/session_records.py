"""What a store of sign-in sessions must offer.

Owns: the protocols of a stored session and of its store. Must not know: who implements them. Start reading at
`SessionRecords`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from telemetry import AuditEvent


class SessionRecord(Protocol):
    """A stored session. Times are seconds since the epoch."""

    @property
    def id(self) -> bytes:
        """What grants and codes refer to."""
        ...

    @property
    def subject(self) -> str:
        """The stable id of its user."""
        ...

    @property
    def person(self) -> Mapping[str, Any]:
        """What is needed to build the person again."""
        ...

    @property
    def auth_time(self) -> int:
        """When the user last proved the password."""
        ...

    @property
    def password_changed_at(self) -> int | None:
        """When the password had been changed, by the directory's clock."""
        ...

    @property
    def created_at(self) -> int:
        """When its user first signed in."""
        ...

    @property
    def last_used_at(self) -> int:
        """When it was last used, to the minute."""
        ...

    @property
    def checked_at(self) -> int:
        """When the directory was last asked about the user."""
        ...

    @property
    def expires_at(self) -> int:
        """The end of its absolute lifetime."""
        ...

    @property
    def ended_at(self) -> int | None:
        """When it was ended before that, if it was."""
        ...


S = TypeVar("S", bound=SessionRecord)


class SessionRecords(Protocol[S]):
    """The store of sessions that all workers and nodes share. Each method may raise the store's exception."""

    def find(self, cookie_digest: bytes) -> S | None:
        """The session of a cookie, live or not."""
        ...

    def begin(self, new: S, cookie_digest: bytes, event: AuditEvent, *, replaces: bytes | None) -> None:
        """Store a new session, and end the one that it replaces, in one transaction."""
        ...

    def begin_beside(
        self, new: S, cookie_digest: bytes, event: AuditEvent, *, replaces: bytes | None
    ) -> Callable[..., object]:
        """The same as a part of another transaction of the store. It returns the write."""
        ...

    def reauthenticated(self, session_id: bytes, cookie_digest: bytes, new: S, event: AuditEvent) -> bool:
        """Give a session to the same user's next sign-in; False if it has ended."""
        ...

    def touch(self, session_id: bytes, at: int) -> None:
        """Note that a session was used."""
        ...

    def checked(
        self, session_id: bytes, at: int, person: Mapping[str, object], *, net_id: str | None
    ) -> bool:
        """Note that the directory still has the user; False if the session has ended."""
        ...

    def end(self, session_id: bytes, event: AuditEvent) -> bool:
        """End a session; False if it had ended already."""
        ...
