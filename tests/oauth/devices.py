"""A device that asks for codes and polls, and a signed-in user who answers it without the page."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from secrets import token_bytes
from typing import Any

from flask import request
from werkzeug.test import TestResponse

from login import Person
from models import SessionStore, SignInSession
from oauth import DeviceUser, DeviceVerification, Server, TypedCode
from oauth.token_request import TokenRequest
from telemetry import AuditEvent
from tests.conftest import Registered, Site
from tests.fakes import ALICE

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
PHONE = "203.0.113.9"


def register_device(site: Site, *arguments: str, scope: str = "profile email") -> Registered:
    """Register a public client for the device grant, by default with two scopes."""
    options = ("--auth-method", "none", "--scope", scope, *arguments)
    return site.register("a terminal", *options, grant=DEVICE_GRANT)


def begin_session(site: Site, cookie: str = "", **changes: Any) -> SignInSession:
    """Sign alice in, a minute ago; the browser has `cookie`, by default one that nobody knows."""
    now = int(site.clock())
    values: dict[str, Any] = {
        "id": token_bytes(16),
        "directory": "default",
        "subject": ALICE.id,
        "net_id": ALICE.net_id,
        "person": {},
        "auth_time": now - 60,
        "amr": ("pwd",),
        "acr": None,
        "password_changed_at": ALICE.password_changed_at,
        "created_at": now - 60,
        "last_used_at": now,
        "checked_at": now,
        "expires_at": now + 36_000,
        "ended_at": None,
        "address": PHONE,
        "user_agent": "a phone",
    }
    session = SignInSession(**{**values, **changes})
    with site.app.app_context():
        digest = sha256(cookie.encode()).digest() if cookie else token_bytes(32)
        SessionStore(site.clock).begin(session, digest, AuditEvent(event="session.began", at=now))
    return session


def end_session(site: Site, session: SignInSession) -> None:
    """End a session, as its user or an operator does."""
    with site.app.app_context():
        event = AuditEvent(event="session.ended", at=int(site.clock()))
        assert SessionStore(site.clock).end(session.id, event)


@contextmanager
def at_the_page(
    site: Site, session: SignInSession, person: Person = ALICE, address: str = PHONE
) -> Iterator[tuple[DeviceVerification, DeviceUser]]:
    """The verification of codes, and the user as the page knows them."""
    server: Server = site.app.extensions[Server.NAME]
    with site.app.test_request_context("/device", environ_base={"REMOTE_ADDR": address}):
        facts = TokenRequest(request, issuer=server.issuer)
        yield DeviceVerification(server), DeviceUser(session, person, facts)


@dataclass(frozen=True)
class Device:
    """A device after its request (RFC 8628, 3.2). `codes` is the answer."""

    site: Site
    client: Registered
    codes: dict[str, Any]

    @classmethod
    def start(cls, site: Site, client: Registered, **parameters: str) -> "Device":
        """Ask for codes."""
        answer = site.post("/oauth/device", client, **parameters)
        assert answer.status_code == 200, answer.text
        return cls(site, client, answer.get_json())

    def poll(self, client: Registered | None = None, **parameters: str) -> TestResponse:
        """Ask whether the user has answered (section 3.4); by default as the client that has the code."""
        form = {"grant_type": DEVICE_GRANT, "device_code": self.codes["device_code"], **parameters}
        return self.site.post("/oauth/token", client or self.client, **form)

    def allow(self, session: SignInSession | None = None, person: Person = ALICE) -> bool:
        """Allow what the rules permit, in a new session if none is given."""
        with at_the_page(self.site, session or begin_session(self.site), person) as (verification, user):
            found = self.find(verification, user)
            return verification.allow(found, user, verification.permitted(found, user))

    def deny(self) -> bool:
        """Deny the request."""
        with at_the_page(self.site, begin_session(self.site)) as (verification, user):
            return verification.deny(self.find(verification, user), user)

    def find(self, verification: DeviceVerification, user: DeviceUser) -> TypedCode:
        """Enter the code."""
        return verification.find(self.codes["user_code"], user)
