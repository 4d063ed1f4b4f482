"""The campus's server: the real application in this process, its commands, and a virtual clock."""

import io
import json
from pathlib import Path
from typing import Any, NamedTuple, Self, cast

from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy import select

from app import create_app
from bench.campus.people import WatchedDirectory, write_directory
from directory import Directory
from directory.ldap import open_directory
from models import Base, Housekeeping, db
from settings import load_settings
from telemetry import LateLog
from wiring.audit import write_refusals
from wiring.from_settings import ldap_config

DAY = 86_400
WEEK = 7 * DAY


class CommandFailed(Exception):
    """A documented command was refused. The message has the command and what it printed."""


class VirtualClock:
    """A clock that stands until the campus moves it, forward only. Seconds since the epoch."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> float:
        """The time at which it stands."""
        return self.now

    def move_to(self, at: int) -> None:
        """Let time pass until `at`. What is past stays past."""
        self.now = max(self.now, at)


class Credentials(NamedTuple):
    """What a program sends with a login."""

    client_id: str
    client_secret: str
    agent: str | None
    address: str


class Answer(NamedTuple):
    """What the token endpoint answered: an error, the header Sunset, a refresh token; and its binds."""

    status: int
    error: str | None
    description: str | None
    error_uri: str | None
    sunset: str | None
    binds: int
    refresh_token: str | None = None


class CampusServer:
    """The server of the campus. Leave its context to close its database."""

    def __init__(self, folder: Path, clock: VirtualClock, people: int) -> None:
        """Make the directory and the database.

        Args:
            folder: an empty folder for both.
            clock: the time of everything.
            people: how many users there are.
        """
        self.clock = clock
        ldif = folder / "campus.ldif"
        write_directory(ldif, people)
        self._environ = {
            "NETID_INSTANCE_PATH": str(folder / "instance"),
            "NETID_LDAP_URI": f"embedded:{ldif}",
            "NETID_SQLITE_SYNCHRONOUS": "NORMAL",
            "NETID_CAMPUS_NAME": "Simulated campus",
        }
        settings = load_settings(folder / "instance", self._environ)
        self.directory = WatchedDirectory(open_directory(ldap_config(settings), clock=clock), clock)
        self._app = self._start()
        with self._app.app_context():
            upgrade()
        self._http: FlaskClient = self._app.test_client()

    def __enter__(self) -> Self:
        """Nothing to do: the server runs."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the database."""
        self._stop()

    def restart(self, **settings: str) -> None:
        """Start the server again with further settings, as an operator does who has changed them."""
        self._stop()
        self._environ |= settings
        self._app = self._start()
        self._http = self._app.test_client()

    def run(self, *words: str, stdin: str = "") -> str:
        """Run `flask WORDS` as an operator does, and return what it prints.

        Raises:
            CommandFailed: its exit status is not 0.
        """
        result = self._app.test_cli_runner().invoke(args=list(words), input=stdin)
        if result.exit_code:
            raise CommandFailed(f"flask {' '.join(words)}: {result.output}")
        return result.stdout

    def read(self, *words: str, stdin: str = "") -> Any:
        """Run a command with `--json`, and return what it prints."""
        return json.loads(self.run(*words, "--json", stdin=stdin))

    def request_token(self, program: Credentials, **form: str) -> Answer:
        """Send a token request of a program.

        Args:
            program: its client and what it calls itself.
            form: the parameters.
        """
        before = self.directory.binds
        answer = self._http.post(
            "/oauth/token",
            data=form,
            auth=(program.client_id, program.client_secret),
            environ_base={"REMOTE_ADDR": program.address, "HTTP_USER_AGENT": program.agent or ""},
        )
        said = answer.get_json()
        return Answer(
            answer.status_code,
            said.get("error"),
            said.get("error_description"),
            said.get("error_uri"),
            answer.headers.get("Sunset"),
            self.directory.binds - before,
            said.get("refresh_token"),
        )

    def keep_house(self) -> None:
        """Do what the workers of a server do every five minutes."""
        write_refusals(self._app)
        Housekeeping(self.clock, LateLog(io.StringIO()), self._app.app_context).do_round()

    def audit_since(self, last_id: int) -> list[dict[str, Any]]:
        """The audit rows after a row, in their order."""
        audit = Base.metadata.tables["audit_event"]
        with self._app.app_context(), db.engine.connect() as link:
            found = link.execute(select(audit).where(audit.c.id > last_id).order_by(audit.c.id))
            return [dict(row._mapping) for row in found]  # noqa: SLF001 - SQLAlchemy's documented name

    def _start(self) -> Flask:
        directory = cast("Directory", self.directory)
        return create_app(self._environ, clock=self.clock, directory=directory, log_stream=io.StringIO())

    def _stop(self) -> None:
        with self._app.app_context():
            db.engine.dispose()
