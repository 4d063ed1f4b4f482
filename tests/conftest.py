"""What every test may use: an application over the embedded directory and a database of its own."""

import gc
import io
import json
import shutil
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from hypothesis import settings
from werkzeug.test import TestResponse

from app import create_app
from directory import Directory
from models import Base, db
from tests.answers import client_of
from tests.fakes import FakeDirectory
from tests.generated import USUAL
from tests.servers.policy import policy_ds389, policy_samba, policy_slapd
from tests.servers.postgresql import postgresql
from tests.shared_work import _shared_work

__all__ = ["_shared_work", "policy_ds389", "policy_samba", "policy_slapd", "postgresql"]

NOON = 1_800_000_000

# `make test-all` names this profile.
settings.register_profile("thorough", max_examples=10 * USUAL, deadline=None)

# Fixtures that start, or install from, something that is not Python's. Their tests carry the marker `server`.
SERVER_FIXTURES = frozenset(
    {
        "apache2",
        "chromium",
        "new_slapd",
        "nginx",
        "node",
        "on_slapd",
        "policy_ds389",
        "policy_samba",
        "policy_slapd",
        "postgresql",
        "samba",
        "slapd",
    }
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test whose fixtures start a server, so that `-m "not server"` leaves it out."""
    for item in items:
        if SERVER_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.server)


def pytest_collection_finish() -> None:
    """Keep what was imported and collected out of the garbage collector's way: it lives to the end."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Escape lone surrogates in what a test logged: pytest-xdist sends reports between processes as UTF-8."""
    report = yield
    report.sections = [
        (title, text.encode(errors="backslashreplace").decode()) for title, text in report.sections
    ]
    return report


class Clock:
    """A clock that stands until a test moves it. Seconds since the epoch."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        """The time at which it stands."""
        return self.now


@dataclass(frozen=True)
class Registered:
    """A client that a test registered, with its secret."""

    client_id: str
    secret: str

    @property
    def basic(self) -> tuple[str, str]:
        """For the test client's `auth`."""
        return self.client_id, self.secret


def forget_registrations() -> None:
    """Take what tells of clients out of the audit, so that tests of other events see those alone."""
    audit = Base.metadata.tables["audit_event"]
    with db.engine.begin() as connection:
        connection.execute(audit.delete().where(audit.c.event == "client.created"))


@dataclass(frozen=True)
class Site:
    """One application, as a test sees it: requests go to `http`, commands to `run`."""

    app: Flask
    http: FlaskClient
    clock: Clock
    log: io.StringIO

    def run(self, *arguments: str, stdin: str = "", status: int = 0) -> str:
        """Run `flask ARGUMENTS` and give back what it printed on standard output."""
        result = self.app.test_cli_runner().invoke(args=list(arguments), input=stdin)
        assert result.exit_code == status, result.output
        return result.stdout if status == 0 else result.output

    def register(self, name: str = "a program", *arguments: str, grant: str = "password") -> Registered:
        """Register a client by its command. The audit and the log keep nothing of it."""
        before = len(self.log.getvalue())
        made = json.loads(self.run("client", "create", name, "--grant", grant, *arguments, "--json"))
        self.log.truncate(before)
        self.log.seek(before)
        with self.app.app_context():
            forget_registrations()
        return Registered(made["client_id"], made["client_secret"])

    def ask_token(self, client: Registered | None, **parameters: str) -> TestResponse:
        """A token request for alice, with `parameters` put in the place of the usual ones."""
        form = {"grant_type": "password", "username": "alice", "password": "alice-password", **parameters}
        return self.http.post("/oauth/token", data=form, auth=client.basic if client else None)

    def post(self, path: str, client: Registered, **parameters: str) -> TestResponse:
        """A form from a client: with its secret if it has one, else with its id alone."""
        if client.secret:
            return self.http.post(path, data=parameters, auth=client.basic)
        return self.http.post(path, data={"client_id": client.client_id, **parameters})

    def refresh(self, client: Registered, token: str, **parameters: str) -> TestResponse:
        """A refresh request with `token` (RFC 6749, 6)."""
        form = {"grant_type": "refresh_token", "refresh_token": token, **parameters}
        return self.post("/oauth/token", client, **form)

    def token(self, client: Registered, **parameters: str) -> str:
        """An access token for alice."""
        answer = self.ask_token(client, **parameters)
        assert answer.status_code == 200, answer.text
        token: str = answer.get_json()["access_token"]
        return token

    def get(self, path: str, token: str) -> TestResponse:
        """GET a resource with a Bearer token."""
        return self.http.get(path, headers={"Authorization": f"Bearer {token}"})

    def log_lines(self) -> list[dict[str, Any]]:
        """What was logged, an object a line."""
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


@pytest.fixture
def clock() -> Clock:
    """A clock that stands at a fixed time."""
    return Clock()


@pytest.fixture(scope="session")
def migrated_instance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance folder with a migrated, empty SQLite database and a server key, to be copied."""
    instance = tmp_path_factory.mktemp("migrated") / "instance"
    app = create_app({"NETID_INSTANCE_PATH": str(instance)})
    with app.app_context():
        upgrade()
        db.engine.dispose()
    return instance


@pytest.fixture
def make_site(tmp_path: Path, clock: Clock, migrated_instance: Path) -> Iterator[Callable[..., Site]]:
    """Makes applications, each with a migrated SQLite database of its own."""
    made: list[Flask] = []

    def make(directory: Directory | None = None, by: Callable[[], float] = clock, **settings: str) -> Site:
        instance = tmp_path / f"instance{len(made)}"
        shutil.copytree(migrated_instance, instance)
        environ = {"NETID_INSTANCE_PATH": str(instance), **settings}
        log = io.StringIO()
        app = create_app(environ, clock=by, directory=directory, log_stream=log)
        made.append(app)
        return Site(app, client_of(app), clock, log)

    yield make
    for app in made:
        with app.app_context():
            db.engine.dispose()


@pytest.fixture
def fake() -> FakeDirectory:
    """A directory that accepts every password until a test changes that."""
    return FakeDirectory()


@pytest.fixture
def faked(make_site: Callable[..., Site], fake: FakeDirectory) -> Site:
    """An application over the fake directory."""
    return make_site(fake)


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    """An application over the embedded directory."""
    return make_site()
