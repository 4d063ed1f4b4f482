"""Sign-in sessions in memory, over a fake directory."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from directory import Person
from login import ActiveSession, Browser, SessionRules, Sessions
from models import SignInSession
from telemetry import AuditEvent, open_log
from tests.conftest import NOON, Clock
from tests.fakes import ALICE, FakeAccount, FakeDirectory
from tests.guards import Gate

EVENT = AuditEvent(event="", at=NOON)
BROWSER = Browser("192.0.2.1", "Browser/1.0")


@dataclass
class MemorySessions:
    """Sessions in memory, by the digest of their cookies; `events` are those that were stored."""

    rows: dict[bytes, SignInSession] = field(default_factory=dict)
    events: list[AuditEvent] = field(default_factory=list)
    writes: int = 0

    def find(self, cookie_digest: bytes) -> SignInSession | None:
        """The session of a cookie."""
        return self.rows.get(cookie_digest)

    def begin(
        self, new: SignInSession, cookie_digest: bytes, event: AuditEvent, *, replaces: bytes | None
    ) -> None:
        """Store one, and end the one that it replaces."""
        self.rows[cookie_digest] = new
        self.events.append(event)
        if replaces is not None:
            self._change(replaces, ended_at=event.at)

    def begin_beside(
        self, new: SignInSession, cookie_digest: bytes, event: AuditEvent, *, replaces: bytes | None
    ) -> Callable[..., object]:
        """Store one in another transaction."""
        return lambda _: self.begin(new, cookie_digest, event, replaces=replaces)

    def reauthenticated(
        self, session_id: bytes, cookie_digest: bytes, new: SignInSession, event: AuditEvent
    ) -> bool:
        """Give a live session another cookie."""
        digest = self._digest_of(session_id)
        if digest is None or self.rows[digest].ended_at is not None:
            return False
        known = self.rows.pop(digest)
        self.rows[cookie_digest] = new._replace(id=known.id, created_at=known.created_at)
        self.events.append(event)
        return True

    def touch(self, session_id: bytes, at: int) -> None:
        """Note its use."""
        self._change(session_id, last_used_at=at)

    def checked(
        self, session_id: bytes, at: int, person: Mapping[str, object], *, net_id: str | None
    ) -> bool:
        """Note that the directory has the user."""
        return self._change(session_id, checked_at=at, person=person, net_id=net_id)

    def end(self, session_id: bytes, event: AuditEvent) -> bool:
        """End one."""
        self.events.append(event)
        return self._change(session_id, ended_at=event.at)

    def _digest_of(self, session_id: bytes) -> bytes | None:
        return next((digest for digest, row in self.rows.items() if row.id == session_id), None)

    def _change(self, session_id: bytes, **values: Any) -> bool:
        self.writes += 1
        digest = self._digest_of(session_id)
        if digest is None or self.rows[digest].ended_at is not None:
            return False
        self.rows[digest] = self.rows[digest]._replace(**values)
        return True


@dataclass
class Desk:
    """Sessions as a test sees them, with their directory, store and clock."""

    lifetime: int = 43_200
    idle: int = 7200
    can_read: bool = True
    directory: FakeDirectory = field(default_factory=lambda: FakeDirectory(account=FakeAccount()))
    store: MemorySessions = field(default_factory=MemorySessions)
    clock: Clock = field(default_factory=Clock)
    sessions: Sessions[SignInSession] = field(init=False)
    missing: list[tuple[AuditEvent, Sequence[str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        login = Gate(self.directory, clock=self.clock).login
        rules = SessionRules(lifetime=self.lifetime, idle=self.idle, can_read=self.can_read)
        self.sessions = Sessions(
            self.store,
            SignInSession,
            login,
            rules,
            directory="default",
            log=open_log(io.StringIO()),
            note_missing=lambda event, servers: self.missing.append((event, servers)),
            clock=self.clock,
        )

    def begin(
        self,
        person: Person = ALICE,
        *,
        replaces: ActiveSession[SignInSession] | None = None,
        has_groups: bool = False,
    ) -> str:
        """Begin a session and return its cookie."""
        former = None if replaces is None else replaces.stored
        new = self.sessions.begin(
            person, browser=BROWSER, event=EVENT, has_groups=has_groups, replaces=former
        )
        new.store()
        return new.value

    def current(self, cookie: str | None, *, groups: bool = False) -> ActiveSession[SignInSession] | None:
        """The live session of a cookie."""
        return self.sessions.current(cookie, event=EVENT, groups=groups)

    def live(self, cookie: str) -> ActiveSession[SignInSession]:
        """The session of a cookie, which must be live."""
        active = self.current(cookie)
        assert active is not None
        return active
