"""Sign-in sessions that tests begin in the database of a site."""

from dataclasses import dataclass, field
from hashlib import sha256
from secrets import token_bytes, token_urlsafe
from typing import Any

from cli import services_of
from models import Client, Registration, SessionStore, SignInSession
from models.database.driver import DriverConnection
from models.sessions.session_end import take_part_in
from telemetry import AuditEvent
from tests.conftest import Site
from tests.fakes import ALICE, OPERATOR


@dataclass(frozen=True)
class SignedIn:
    """The sessions and clients of one site. `cookies` has the cookie's value of each session's id."""

    site: Site
    cookies: dict[bytes, str] = field(default_factory=dict)

    @property
    def now(self) -> int:
        """The time of the site."""
        return int(self.site.clock())

    def client(self, name: str = "a portal", **registration: Any) -> Client:
        """Register a client, and take the registration out of the log."""
        before = len(self.site.log.getvalue())
        with self.site.app.app_context():
            made, _ = services_of(self.site.app).clients.create(
                Registration(client_name=name, **registration), actor=OPERATOR
            )
        self.site.log.truncate(before)
        self.site.log.seek(before)
        return made

    def begin(self, *clients: Client, sub: str = "sub of alice", **changes: Any) -> SignInSession:
        """Begin a session of alice that signed in to these clients."""
        usual = SignInSession(
            id=token_bytes(16),
            directory="default",
            subject=ALICE.id,
            net_id="alice",
            person={"net_id": "alice", "dn": ALICE.dn},
            auth_time=self.now,
            amr=("pwd",),
            acr=None,
            password_changed_at=None,
            created_at=self.now,
            last_used_at=self.now,
            checked_at=self.now,
            expires_at=self.now + 36_000,
            ended_at=None,
            address="192.0.2.7",
            user_agent="A browser",
        )
        session = usual._replace(**changes)
        store = SessionStore(self.site.clock)
        with self.site.app.app_context():
            cookie = self.cookies[session.id] = token_urlsafe(32)
            store.begin(session, sha256(cookie.encode()).digest(), self._event("session.began"))
            with DriverConnection() as link:
                for client in clients:
                    take_part_in(link, session.id, client.client_id, sub)
                link.commit()
        return session

    def end(self, session: SignInSession) -> None:
        """End a session."""
        with self.site.app.app_context():
            assert SessionStore(self.site.clock).end(session.id, self._event("session.ended"))

    def ended(self, *clients: Client, sub: str = "sub of alice") -> SignInSession:
        """Begin and end a session that signed in to these clients."""
        session = self.begin(*clients, sub=sub)
        self.end(session)
        return session

    def _event(self, name: str) -> AuditEvent:
        return AuditEvent(event=name, at=self.now, subject=ALICE.id)
