"""App passwords for tests of the password grant."""

from typing import Any

from login.app_passwords import digest_of, new_app_password
from models import AppPassword, AppPasswordStore
from models.tables import DEFAULT_DIRECTORY
from telemetry import AuditEvent
from tests.conftest import Registered, Site
from tests.fakes import ALICE

DAY = 86_400
ID = b"0123456789abcdef"


def make_app_password(site: Site, client: Registered, **columns: Any) -> str:
    """Store an app password of alice for a client, with these columns, and return its value."""
    now = int(site.clock.now)
    usual = {
        "id": ID,
        "client_id": client.client_id,
        "directory": DEFAULT_DIRECTORY,
        "subject": ALICE.id,
        "net_id": "alice",
        "label": "a script",
        "scope": "",
        "networks": (),
        "created_at": now,
        "expires_at": now + 180 * DAY,
        "password_changed_at": ALICE.password_changed_at,
    }
    value = new_app_password()
    digest = digest_of(value)
    assert digest is not None
    with site.app.app_context():
        event = AuditEvent(event="app_password.created", at=now)
        AppPasswordStore(site.clock).add(AppPassword(**{**usual, **columns}), digest, event)
    return value


def end_app_password(site: Site, app_password_id: bytes = ID) -> None:
    """End an app password, as its owner does."""
    with site.app.app_context():
        event = AuditEvent(event="app_password.ended", at=int(site.clock.now), reason="user")
        assert AppPasswordStore(site.clock).end(app_password_id, "user", event)


def stored_app_password(site: Site, app_password_id: bytes = ID) -> AppPassword:
    """An app password as it is stored now."""
    with site.app.app_context():
        found = AppPasswordStore(site.clock).get(app_password_id)
    assert found is not None
    return found
