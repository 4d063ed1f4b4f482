"""The production server while its PostgreSQL is frozen: no request waits long, and no token is lost."""

import json
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.servers.netid import PROJECT, environment, serving
from tests.servers.postgresql import Postgresql

# Seconds: how long a request may take, how long one may take once it is known, and the return to service.
PROMISED, AT_ONCE, BACK = 3.0, 0.5, 2.0
# What a busy machine may add, and for how long the database is frozen.
SLACK, FROZEN = 1.5, 6.0
PASSWORD = "alice-password"


@dataclass(frozen=True)
class Answer:
    """An answer, the time of its request, and the seconds until it came."""

    status: int
    body: bytes
    began: float
    seconds: float


@dataclass(frozen=True)
class Site:
    """A server with two workers, and a client's Authorization header."""

    port: int
    basic: str

    def ask(self, method: str, path: str, authorization: str = "", **form: str) -> Answer:
        """Send one request on an own connection."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Authorization": authorization, "Content-Type": "application/x-www-form-urlencoded"}
        began = time.monotonic()
        connection.request(method, path, urlencode(form) or None, headers)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return Answer(response.status, body, began, time.monotonic() - began)

    def log_in(self, password: str = PASSWORD) -> Answer:
        """Send a token request."""
        return self.ask(
            "POST", "/token", self.basic, grant_type="password", username="alice", password=password
        )

    def is_active(self, token: str) -> bool:
        """Whether introspection calls a token active (RFC 7662)."""
        answer = self.ask("POST", "/introspect", self.basic, token=token)
        return bool(json.loads(answer.body)["active"])


@pytest.fixture
def site(tmp_path: Path, postgresql: Postgresql) -> Iterator[Site]:
    """The server on an own database."""
    url = postgresql.create_database("frozen")
    instance, settings = (
        tmp_path / "instance",
        {
            "NETID_DATABASE_URL": url,
            "NETID_WORKERS": "2",
            # For 5 s after the freeze the cache of refused passwords is not used, so each repetition counts
            # as a new password. A fast machine reaches the limit of its address that way.
            "NETID_LIMIT_PERSON": "",
            "NETID_LIMIT_ADDRESS": "",
            "NETID_LIMIT_CLIENT": "",
            "NETID_GRANTS_PER_PERSON": "100000",
        },
    )

    def flask(*arguments: str) -> str:
        command = [sys.executable, "-m", "flask", *arguments]
        environ = environment(instance, **settings)
        done = subprocess.run(command, cwd=PROJECT, env=environ, capture_output=True, check=True, text=True)
        return done.stdout

    flask("db", "upgrade")
    made = json.loads(flask("client", "create", "a program", "--grant", "password", "--json"))
    basic = b64encode(f"{made['client_id']}:{made['client_secret']}".encode()).decode()
    try:
        with serving(instance, settings=settings) as running:
            yield Site(running.port, f"Basic {basic}")
    finally:
        postgresql.drop_database("frozen")


def test_requests_to_a_frozen_database_end_within_3_s(site: Site, postgresql: Postgresql) -> None:
    """Later requests fail at once, the process stays healthy, and every issued token is valid afterwards."""
    answers: list[Answer] = [site.log_in() for _ in range(8)]
    token = json.loads(answers[0].body)["access_token"]
    over = time.monotonic() + 60

    def keep_asking(number: int) -> list[Answer]:
        received = []
        while time.monotonic() < over:
            check = site.ask("GET", "/api/me", f"Bearer {token}")
            received += [site.log_in() if number % 2 else check, site.log_in("wrong")]
            time.sleep(0.02)
        return received

    with ThreadPoolExecutor(8) as pool:
        crowd = [pool.submit(keep_asking, number) for number in range(8)]
        time.sleep(0.5)
        with postgresql.frozen():
            began = time.monotonic()
            time.sleep(FROZEN)
            assert site.ask("GET", "/healthz").status == 200
            ready = site.ask("GET", "/readyz")
            ended = time.monotonic()
        time.sleep(BACK + 2 * SLACK)
        over = 0
        for each in crowd:
            answers += each.result()
    assert (ready.status, json.loads(ready.body)["database"]) == (503, "unavailable")
    assert ready.seconds < 1 + SLACK
    during = [each for each in answers if began < each.began and each.began + each.seconds < ended]
    assert max(each.seconds for each in answers) < PROMISED + SLACK
    assert {each.status for each in during} == {503}
    later = sorted(each.seconds for each in during if each.began > began + PROMISED + SLACK)
    assert later[len(later) // 2] < AT_ONCE
    after = {each.status for each in answers if each.began > ended + BACK + SLACK}
    assert after == {200, 400}
    issued = [json.loads(each.body) for each in answers if each.status == 200]
    tokens = [each["access_token"] for each in issued if "access_token" in each]
    assert all(site.is_active(each) for each in tokens)
