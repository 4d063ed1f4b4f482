"""A user's browser at the page `/device`, and what the device learns of it."""

import re
import secrets
from dataclasses import dataclass
from html import unescape
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from models import SignInSession
from tests.conftest import Site
from tests.fakes import ALICE
from tests.oauth.devices import Device, begin_session

BASE = "https://localhost:8443"
INPUT = re.compile(r"<input[^>]*>")


@dataclass
class Phone:
    """A browser, and the page that it shows."""

    http: FlaskClient
    shown: TestResponse | None = None

    def open(self, path: str = "/device") -> "Phone":
        """Open a page, as from a bookmark or a QR code."""
        self.shown = self.http.get(path, base_url=BASE)
        return self

    def send(self, **changes: str) -> "Phone":
        """Send the form of the shown page, with changes."""
        self.shown = self.http.post("/device", base_url=BASE, data={**self.fields(), **changes})
        return self

    def fields(self) -> dict[str, str]:
        """The fields of the shown form."""
        found = {}
        for field in INPUT.findall(self.text):
            attributes = dict(re.findall(r'([a-z_-]+)="([^"]*)"', field))
            found[attributes["name"]] = unescape(attributes.get("value", ""))
        return found

    @property
    def page(self) -> TestResponse:
        """The shown page."""
        assert self.shown is not None
        return self.shown

    @property
    def text(self) -> str:
        """The shown page as HTML."""
        return self.page.text

    @property
    def words(self) -> str:
        """What the user reads, without markup."""
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", self.text)).split())


def sign_in(site: Site, http: FlaskClient, **changes: Any) -> SignInSession:
    """Give a browser the session of a user; alice's by default."""
    cookie = secrets.token_urlsafe(32)
    session = begin_session(site, cookie, **{"person": stored_person(), **changes})
    http.set_cookie("__Host-signin", cookie, domain="localhost", secure=True)
    return session


def stored_person() -> dict[str, object]:
    """What a session keeps of alice."""
    return {
        "net_id": ALICE.net_id,
        "dn": ALICE.dn,
        "name": ALICE.name,
        "password_changed_at": ALICE.password_changed_at,
    }


def error_of(device: Device) -> str | None:
    """The error of a poll, None for a token."""
    device.site.clock.now += 60
    error: str | None = device.poll().get_json().get("error")
    return error


def code_of(device: Device) -> str:
    """The code on the device's screen."""
    code: str = device.codes["user_code"]
    return code
