"""Sessions, codes and device codes to put into a database."""

from secrets import token_bytes
from typing import Any

from models import (
    Approval,
    AuthorizationCode,
    CodeStore,
    ConsentStore,
    DeviceStore,
    LogoutNoticeStore,
    NewGrant,
    NewToken,
    Redeem,
    Registration,
    RequestStore,
    SessionStore,
    SignInSession,
    new_grant_id,
)
from tests.fakes import OPERATOR
from tests.models.stores import Issued, Stores

ALICE = "subject-of-alice"
URI = "https://program.campus.example/logout"


class SignIn:
    """The stores of sign-in on one database, with helpers that fill them."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores
        self.sessions = SessionStore(stores.clock)
        self.codes = CodeStore()
        self.devices = DeviceStore(stores.clock)
        self.requests = RequestStore(stores.clock)
        self.consents = ConsentStore(stores.clock)
        self.notices = LogoutNoticeStore()

    def session(self, **changes: Any) -> SignInSession:
        """The values of a new session of alice."""
        now = self.stores.now
        usual = SignInSession(
            id=token_bytes(16),
            directory="default",
            subject=ALICE,
            net_id="alice",
            person={"name": "Ålice", "groups": ["cn=staff"]},
            auth_time=now,
            amr=("pwd",),
            acr=None,
            password_changed_at=now - 99,
            created_at=now,
            last_used_at=now,
            checked_at=now,
            expires_at=now + 36_000,
            ended_at=None,
            address="192.0.2.7",
            user_agent="A browser",
        )
        return usual._replace(**changes)

    def begin(self, *, replaces: bytes | None = None, **changes: Any) -> tuple[SignInSession, bytes]:
        """Begin a session, and return it with its cookie's digest."""
        new, cookie = self.session(**changes), token_bytes(32)
        event = self.stores.audit("session.begun", subject=new.subject)
        self.sessions.begin(new, cookie, event, replaces=replaces)
        return new, cookie

    def approval(self, session: SignInSession | None, **changes: Any) -> Approval:
        """What alice approves in this session."""
        usual = Approval(
            directory="default",
            subject=ALICE,
            sub=None,
            net_id="alice",
            private=False,
            claims={"name": "Ålice"},
            scope="openid profile",
            audience=None,
            password_changed_at=self.stores.now - 99,
            auth_time=self.stores.now - 5,
            acr=None,
            amr=("pwd",),
            session_id=None if session is None else session.id,
            nonce="n-0S6",
        )
        return usual._replace(**changes)

    def code(self, session: SignInSession | None, client_id: str = "a-client", **approved: Any) -> bytes:
        """Store an authorization code, and return its key."""
        key, now = token_bytes(32), self.stores.now
        code = AuthorizationCode(
            client_id=client_id,
            redirect_uri="https://program.campus.example/back",
            code_challenge="c" * 43,
            approval=self.approval(session, **approved),
            issued_at=now,
            expires_at=now + 60,
        )
        self.codes.add(key, code, self.stores.audit("code.issued", client_id=client_id))
        return key

    def device_code(self, client_id: str = "a-client") -> tuple[bytes, bytes]:
        """Store a device code, and return its key and the digest of its user code."""
        key, digest = token_bytes(32), token_bytes(32)
        stored = self.devices.add(
            key,
            digest,
            client_id,
            scope="openid profile",
            audience=None,
            address="192.0.2.8",
            expires_at=self.stores.now + 600,
        )
        assert stored
        return key, digest

    def allow(self, digest: bytes, session: SignInSession | None) -> bool:
        """Allow a device code in a session of alice."""
        return self.devices.allow(digest, self.approval(session), self.stores.audit("device.allowed"))

    def issue(
        self,
        session: SignInSession | None = None,
        *,
        redeem: Redeem | None = None,
        client_id: str = "a-client",
        scope: str = "openid profile",
        **changes: Any,
    ) -> Issued:
        """Issue a grant that a sign-in session gave, with its tokens."""
        granted = {
            "scope": scope,
            "origin": "authorization_code",
            "session_id": None if session is None else session.id,
            "subject": ALICE if session is None else session.subject,
        }
        return self.stores.issue(client_id, redeem=redeem, of_grant={**granted, **changes})

    def client(self, **changes: Any) -> str:
        """Register a client of these values, and return its id."""
        registration = Registration(client_name="a program", **changes)
        return self.stores.clients.create(registration, actor=OPERATOR)[0].client_id

    def events(self) -> list[tuple[str, str | None]]:
        """The events of the audit with their reasons, the oldest first."""
        return [(row["event"], row["reason"]) for row in self.stores.rows("audit_event")]


def bare_grant(stores: Stores, client_id: str = "a-client") -> tuple[NewGrant, NewToken]:
    """A grant that alice's code gives, and its access token."""
    ends = stores.now + 3600
    grant = NewGrant(
        id=new_grant_id(stores.now),
        client_id=client_id,
        subject=ALICE,
        net_id="alice",
        scope="openid",
        claims={},
        password_changed_at=None,
        auth_time=stores.now - 500,
        expires_at=ends,
        origin="authorization_code",
    )
    return grant, NewToken(stores.key(ends), ends)
