"""The real application over HTTPS, over the embedded directory, and Chromium in front of it."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.chromium import DESK, Faults, running_chromium
from tests.browser.relying_party import RelyingParty, relying_party
from tests.clients.conftest import PLAIN_SECRET, Service
from tests.servers.netid import PROJECT, environment, serving

NewContext = Callable[..., BrowserContext]

APP, OTHER_APP, PORTAL, TV, DOOMED, SITE, SCRIPT = (
    "grade-viewer",
    "library-app",
    "campus-portal",
    "lecture-tv",
    "old-app",
    "courses",
    "grade-script",
)
_PUBLIC = {"token_endpoint_auth_method": "none", "redirect_uris": ["http://127.0.0.1/callback"]}
_CONFIDENTIAL = {"token_endpoint_auth_method": "client_secret_post", "client_secret": PLAIN_SECRET}
_SCOPE = "openid profile email offline_access"
_CLIENTS: list[dict[str, object]] = [
    {
        "client_id": client_id,
        "client_name": name,
        "grant_types": ["authorization_code", "refresh_token"],
        "scope": _SCOPE,
        **_PUBLIC,
        **more,
    }
    for client_id, name, more in (
        (APP, "Grade viewer", {}),
        (OTHER_APP, "Library app", {}),
        (DOOMED, "Old app", {}),
        (SITE, "Course pages", _CONFIDENTIAL),
        (PORTAL, "Campus portal", {"flags": {"first_party": True}, **_CONFIDENTIAL}),
    )
]
_CLIENTS.append(
    {
        "client_id": SCRIPT,
        "client_name": "Grade script",
        "grant_types": ["password"],
        "scope": "profile email grades",
        **_CONFIDENTIAL,
    }
)
_CLIENTS.append(
    {
        "client_id": TV,
        "client_name": "Lecture hall screen",
        "grant_types": ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
        "scope": _SCOPE,
        "token_endpoint_auth_method": "none",
    }
)


def command(service: Service, *arguments: str, stdin: str = "") -> str:
    """Run `flask ARGUMENTS` for the running server, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "flask", *arguments],
        cwd=PROJECT,
        env=environment(service.ca.parents[1]),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


EXPIRED = "otto"
"""A user whose password has expired. It is right nevertheless, as the directory verifies."""
_EXPIRED_ENTRY = f"""
dn: uid={EXPIRED},ou=people,dc=campus,dc=example
objectClass: inetOrgPerson
uid: {EXPIRED}
cn: Otto Vogel
sn: Vogel
userPassword: {EXPIRED}-password
pwdChangedTime: 20250901080000Z
krbPasswordExpiration: 20260901080000Z
entryUUID: 0b0e1a52-3a4e-5f0b-9f6e-6f1f3c1f8a11
"""
# The profile of a directory whose entries show that a password has expired.
_SETTINGS = {
    "NETID_LDAP_PROFILE": "freeipa",
    "NETID_LDAP_USER_FILTER": "(uid={username})",
    "NETID_LDAP_ID_ATTRIBUTE": "entryUUID",
    "NETID_LDAP_PASSWORD_CHANGED_ATTRIBUTE": "pwdChangedTime",
    "NETID_PASSWORD_HELP_URI": "https://password.campus.example/",
    "NETID_PASSWORD_HELP_TEXT": "At the library you can do it with your card.",
}


@contextmanager
def started_service(instance: Path, **further: str) -> Iterator[Service]:
    """Run the server during the block, as `make run` starts it, with clients that sign users in."""
    people = instance.with_name("campus.ldif")
    people.write_text((PROJECT / "directory" / "campus.ldif").read_text("utf-8") + _EXPIRED_ENTRY, "utf-8")
    settings = {**_SETTINGS, "NETID_LDAP_URI": f"embedded:{people}", **further}
    with serving(instance, "--walkthrough", settings=settings) as server:
        running = Service(f"https://localhost:{server.port}", instance / "tls" / "ca.pem")
        command(running, "client", "import", "-", stdin=json.dumps(_CLIENTS))
        yield running


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The running server."""
    with started_service(tmp_path_factory.mktemp("browser") / "instance") as running:
        yield running


@pytest.fixture(scope="session")
def program(service: Service) -> Iterator[RelyingParty]:
    """A program on 127.0.0.1, whose users sign in."""
    with relying_party(service) as started:
        yield started


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Chromium, for the tests of one module."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def new_context(chromium: Browser, service: Service) -> Iterator[NewContext]:
    """Makes browser contexts, each with cookies of its own. A fault in any of their pages fails the test."""
    made: list[tuple[BrowserContext, Faults]] = []

    def make(**options: Any) -> BrowserContext:
        given = {"viewport": DESK, "locale": "en-US", **options}
        context = chromium.new_context(base_url=service.url, ignore_https_errors=True, **given)
        context.set_default_timeout(10_000)
        made.append((context, Faults(context, service.url)))
        return context

    yield make
    for context, _ in made:
        context.close()
    assert [fault for _, faults in made for fault in faults.seen] == []


@pytest.fixture
def page(new_context: NewContext) -> Page:
    """A page in a new context."""
    return new_context().new_page()
