"""The server survives the absence of its database: at its start, and while its workers die."""

import json
import os
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlencode

import pytest

from bench.machine import family
from tests.servers.netid import PROJECT, await_port, environment, free_port
from tests.servers.postgresql import Postgresql

KEY = "k7Yw2pQ9sV4xB8nM1cR6tZ3fH5jL0dGa"
OTHER = "Wq3eR6tY8uI1oP5aS7dF9gH2jK4lZ0xC"
_PATIENCE = 30


@pytest.fixture
def settings(postgresql: Postgresql, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a server on a PostgreSQL database of its own."""
    name = f"away_{os.getpid()}_{time.monotonic_ns()}"
    url = postgresql.create_database(name)
    port = free_port()
    yield environment(
        tmp_path / "instance",
        NETID_DATABASE_URL=url,
        NETID_SECRET_KEY=KEY,
        NETID_BIND=f"127.0.0.1:{port}",
    )
    postgresql.drop_database(name)


@contextmanager
def stopped(postgresql: Postgresql) -> Iterator[None]:
    """Stop PostgreSQL until the block ends."""
    postgresql.stop()
    try:
        yield
    finally:
        postgresql.start()


@contextmanager
def served(settings: dict[str, str], output: Path) -> Iterator[subprocess.Popen[str]]:
    """Run `flask serve` until the block ends."""
    with output.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "flask", "serve"],
            cwd=PROJECT,
            env=settings,
            stdout=stream,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(_PATIENCE)


def flask(settings: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command."""
    return subprocess.run(
        [sys.executable, "-m", "flask", *arguments],
        cwd=PROJECT,
        env=settings,
        capture_output=True,
        text=True,
        check=False,
    )


def port_of(settings: dict[str, str]) -> int:
    """The port of a server."""
    return int(settings["NETID_BIND"].rpartition(":")[2])


def ask(
    settings: dict[str, str], path: str, form: dict[str, str] | None = None, basic: str = ""
) -> tuple[int, str]:
    """The status and body of one request on a connection of its own; 0 where there is no answer."""
    connection = HTTPConnection("127.0.0.1", port_of(settings), timeout=10)
    try:
        if form is None:
            connection.request("GET", path)
        else:
            headers = {
                "Content-Type": "application/x-www-form-urlencoded",
                "Authorization": f"Basic {b64encode(basic.encode()).decode()}",
            }
            connection.request("POST", path, urlencode(form), headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, HTTPException):
        return 0, ""
    finally:
        connection.close()


def await_that(claim: Callable[[], bool]) -> float:
    """Wait until the condition holds, and return the seconds that it took."""
    began = time.monotonic()
    while not claim():
        assert time.monotonic() < began + _PATIENCE, "it never was so"
        time.sleep(0.02)
    return time.monotonic() - began


def test_worker_that_dies_while_the_database_is_away_comes_back_with_it(
    settings: dict[str, str], postgresql: Postgresql, tmp_path: Path
) -> None:
    """Workers start without PostgreSQL, answer 503, and serve when it is back, without a restart by hand."""
    output = tmp_path / "log"
    with served(settings, output) as process:
        await_port(process, port_of(settings), output)
        made = flask(settings, "client", "create", "Library", "--grant", "password", "--json")
        client = json.loads(made.stdout)
        basic = f"{client['client_id']}:{client['client_secret']}"
        form = {"grant_type": "password", "username": "alice", "password": "alice-password"}
        status, body = ask(settings, "/oauth/token", form, basic)
        assert status == 200, body
        known = {"token": json.loads(body)["access_token"]}
        first = set(family(process.pid)[1:])
        with stopped(postgresql):
            # The second death is within seconds of the worker's start.
            for _ in range(2):
                for worker in family(process.pid)[1:]:
                    os.kill(worker, signal.SIGKILL)
                await_that(lambda: ask(settings, "/healthz")[0] == 200)
                assert ask(settings, "/oauth/token", form, basic)[0] == 503
                assert ask(settings, "/oauth/introspect", known, basic)[0] == 503
        assert await_that(lambda: all(ask(settings, "/readyz")[0] == 200 for _ in range(20))) < 10
        for _ in range(20):
            assert ask(settings, "/oauth/token", form, basic)[0] == 200
            assert json.loads(ask(settings, "/oauth/introspect", known, basic)[1])["active"] is True
        assert process.poll() is None
        assert first.isdisjoint(family(process.pid)[1:])
    assert "Traceback" not in output.read_text()


def test_server_waits_for_its_database(
    settings: dict[str, str], postgresql: Postgresql, tmp_path: Path
) -> None:
    """The server says once what it waits for. It migrates and serves when PostgreSQL is there."""
    # The first key of all cannot be made before the database is known to be empty.
    del settings["NETID_SECRET_KEY"]
    output = tmp_path / "log"
    with stopped(postgresql), served(settings, output) as waiting:
        await_that(lambda: "Waiting for the database" in output.read_text())
        await_that(lambda: waiting.poll() is None)
        postgresql.start()
        await_port(waiting, port_of(settings), output)
        await_that(lambda: ask(settings, "/readyz")[0] == 200)
        postgresql.stop()
    lines = output.read_text().splitlines()
    waits = [line for line in lines if line.startswith("Waiting for the database, which cannot be used yet:")]
    assert 1 <= len(waits) <= 5
    assert "Traceback" not in output.read_text()


def test_waiting_server_ends_on_sigterm(
    settings: dict[str, str], postgresql: Postgresql, tmp_path: Path
) -> None:
    """SIGTERM ends the waiting server, and no other process is left."""
    output = tmp_path / "log"
    with stopped(postgresql), served(settings, output) as process:
        await_that(lambda: "Waiting for the database" in output.read_text())
        process.terminate()
        assert process.wait(_PATIENCE) == 128 + signal.SIGTERM


def test_other_commands_do_not_wait(settings: dict[str, str], postgresql: Postgresql) -> None:
    """Other commands report the missing database in one sentence."""
    with stopped(postgresql):
        for command in (["client", "list"], ["db", "upgrade"], ["routes"]):
            done = flask(settings, *command)
            assert (command, done.returncode, done.stdout) == (command, 1, "")
            assert done.stderr.startswith("Error: OperationalError: "), done.stderr


def test_server_with_the_wrong_key_does_not_wait(settings: dict[str, str], tmp_path: Path) -> None:
    """A database that answers but needs another key is refused in one line."""
    assert flask(settings, "db", "upgrade").returncode == 0
    made = flask(settings, "client", "create", "Library", "--grant", "password")
    assert made.returncode == 0, made.stderr
    done = flask({**settings, "NETID_SECRET_KEY": OTHER}, "serve")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: The database holds client secrets made under other server keys (")
    assert len(done.stderr.splitlines()) == 1
