"""A worker starts without its database, and answers nothing until its keys are checked against it."""

import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

import cli
from app import build_app
from models import db
from settings import Settings, load_settings
from settings.keyring import KeyRing, KeyringError
from telemetry import open_log
from tests.conftest import Clock, Registered, Site
from wiring.key_check import KeyCheck

pytestmark = pytest.mark.slow

KEY = "k7Yw2pQ9sV4xB8nM1cR6tZ3fH5jL0dGa"
OTHER = "Wq3eR6tY8uI1oP5aS7dF9gH2jK4lZ0xC"
# Every endpoint, and a path without an endpoint.
PATHS = [
    "/",
    "/readyz",
    "/.well-known/oauth-authorization-server",
    "/.well-known/jwks.json",
    "/api/me",
    "/userinfo",
    "/none",
]


class Worker:
    """A worker's application, over a database that may come later."""

    def __init__(self, settings: Settings, instance: Path, ring: KeyRing, clock: Clock) -> None:
        self.log = io.StringIO()
        self.app: Flask = build_app(settings, instance, ring=ring, clock=clock, log_stream=self.log)
        self.check = KeyCheck(self.app, ring, open_log(self.log), clock)
        self.http = self.app.test_client()

    def events(self) -> list[str]:
        """The names of what was logged."""
        return [json.loads(line)["event"] for line in self.log.getvalue().splitlines()]


@pytest.fixture
def client(make_site: Callable[..., Site], tmp_path: Path) -> Registered:
    """A client in a database that is away: its file lies in another folder."""
    site = make_site(NETID_SECRET_KEY=KEY)
    client = site.register("Library")
    with site.app.app_context():
        db.engine.dispose()
    (tmp_path / "away").mkdir()
    shutil.copy(Path(site.app.instance_path) / "netid.sqlite3", tmp_path / "away")
    return client


def bring_back(tmp_path: Path) -> None:
    """Move the database to the path in its URL."""
    (tmp_path / "away").rename(tmp_path / "disk")


@pytest.fixture
def make_worker(client: Registered, tmp_path: Path, clock: Clock) -> Iterator[Callable[[str], Worker]]:
    """Makes workers with a server key, whose database is on a disk that is not there yet."""
    made: list[Worker] = []

    def make(key: str) -> Worker:
        instance = tmp_path / "worker"
        environ = {"NETID_DATABASE_URL": f"sqlite:///{tmp_path}/disk/netid.sqlite3"}
        made.append(Worker(load_settings(instance, environ), instance, KeyRing([key]), clock))
        return made[-1]

    yield make
    for worker in made:
        with worker.app.app_context():
            db.engine.dispose()


def ask_token(worker: Worker, client: Registered) -> int:
    """The status of a token request that is right in every way."""
    form = {"grant_type": "password", "username": "alice", "password": "alice-password"}
    return worker.http.post("/oauth/token", data=form, auth=client.basic).status_code


def test_worker_without_a_database_answers_only_liveness(
    make_worker: Callable[[str], Worker], client: Registered
) -> None:
    """Every request gets 503 with `Retry-After`: the worker fails closed."""
    worker = make_worker(KEY)
    worker.check.begin()
    assert worker.http.get("/healthz").status_code == 200
    for path in PATHS:
        answer = worker.http.get(path)
        assert (path, answer.status_code, "Retry-After" in answer.headers) == (path, 503, True)
        assert answer.get_json()["error"] == "temporarily_unavailable"
    assert worker.http.options("/oauth/token").status_code == 503
    assert ask_token(worker, client) == 503


def test_database_that_comes_back_opens_the_worker(
    make_worker: Callable[[str], Worker], client: Registered, tmp_path: Path
) -> None:
    """The worker serves without a restart, and requests no longer run the check."""
    worker = make_worker(KEY)
    worker.check.begin()
    assert ask_token(worker, client) == 503
    assert not worker.check.wait(0.3)
    bring_back(tmp_path)
    assert worker.check.wait(10)
    assert ask_token(worker, client) == 200
    assert worker.http.get("/readyz").status_code == 200
    assert None not in worker.app.before_request_funcs
    assert worker.events()[0] == "database.unavailable"
    assert "database.good" in worker.events()


def test_worker_stays_closed_if_the_database_needs_another_key(
    make_worker: Callable[[str], Worker], client: Registered, tmp_path: Path
) -> None:
    """No secret is checked under wrong keys, and the log has an alarm."""
    worker = make_worker(OTHER)
    worker.check.begin()
    bring_back(tmp_path)
    assert not worker.check.wait(1.5)
    assert ask_token(worker, client) == 503
    lines = [json.loads(line) for line in worker.log.getvalue().splitlines()]
    missing = next(line for line in lines if line["event"] == "keys.missing")
    assert missing["alarm"] is True
    assert missing["cause"].startswith("The database holds client secrets made under other server keys (")
    assert OTHER not in worker.log.getvalue()


def test_worker_whose_database_answers_is_open_at_once(
    make_worker: Callable[[str], Worker], client: Registered, tmp_path: Path
) -> None:
    """A new worker beside others answers no 503."""
    bring_back(tmp_path)
    worker = make_worker(KEY)
    worker.check.begin()
    assert ask_token(worker, client) == 200
    assert None not in worker.app.before_request_funcs


def test_worker_whose_key_is_missing_does_not_start(
    make_worker: Callable[[str], Worker], tmp_path: Path
) -> None:
    """The database answers, so that there is nothing to wait for."""
    bring_back(tmp_path)
    with pytest.raises(KeyringError, match="made under other server keys"):
        make_worker(OTHER).check.begin()


def test_worker_reads_nothing_from_the_environment(
    client: Registered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    """A worker uses the settings that it got, not those in the environment."""
    monkeypatch.setenv("NETID_ISSUER", "no URL")
    instance = tmp_path / "worker"
    app = build_app(load_settings(instance, {}), instance, ring=KeyRing([KEY]), clock=clock)
    assert cli.services_of(app).settings.issuer == "https://localhost:8443"
