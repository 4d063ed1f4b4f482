"""The server over a real OpenLDAP of 10,000 people, its faults included, as an operator sets it up."""

import json
import re
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlencode

import pytest
import trustme

from tests.answers import without_id
from tests.loading import keep_secret
from tests.servers.crowd import SERVICE_DN, SERVICE_PASSWORD, crowd, net_id, password
from tests.servers.netid import PROJECT, Running, environment, serving
from tests.servers.slapd import SUFFIX, Slapd, require_slapd

pytestmark = pytest.mark.server

PEOPLE = 10_000
DEADLINE = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the server and of its directory."""
    return tmp_path_factory.mktemp("real")


@pytest.fixture(scope="module")
def slapd(folder: Path) -> Iterator[Slapd]:
    """A slapd of 10,000 people."""
    require_slapd()
    server = Slapd(folder / "slapd", trustme.CA(), crowd(PEOPLE))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def settings(slapd: Slapd, folder: Path) -> Mapping[str, str]:
    """The settings of an operator with OpenLDAP: StartTLS, a service account whose password is in a file."""
    secret = folder / "ldap-password"
    keep_secret(secret, SERVICE_PASSWORD + "\n")
    return {
        "NETID_LDAP_URI": slapd.ldap,
        "NETID_LDAP_CA_FILE": str(slapd.ca_file),
        "NETID_LDAP_BIND_DN": SERVICE_DN,
        "NETID_LDAP_BIND_PASSWORD_FILE": str(secret),
        "NETID_LDAP_USER_BASE": f"ou=people,{SUFFIX}",
        "NETID_LDAP_LOGIN_DEADLINE": str(DEADLINE),
        "NETID_LDAP_READ_TIMEOUT": "2",
    }


@pytest.fixture(scope="module")
def server(folder: Path, settings: Mapping[str, str]) -> Iterator[Running]:
    """The production server over that directory."""
    with serving(folder / "instance", settings=settings) as running:
        yield running


@pytest.fixture(scope="module")
def basic(server: Running, folder: Path, settings: Mapping[str, str]) -> str:
    """The Authorization header of a registered client."""
    made = subprocess.run(
        [
            *(sys.executable, "-m", "flask", "client", "create", "a program"),
            *("--grant", "password", "--scope", "profile email", "--json"),
        ],
        cwd=PROJECT,
        env=environment(folder / "instance", **settings),
        capture_output=True,
        check=True,
    )
    client = json.loads(made.stdout)
    return "Basic " + b64encode(f"{client['client_id']}:{client['client_secret']}".encode()).decode()


def ask(server: Running, basic: str, username: str, secret: str) -> tuple[HTTPResponse, bytes, float]:
    """Send a token request. Returns the answer, its body and its seconds."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
    form = urlencode({"grant_type": "password", "username": username, "password": secret})
    headers = {"Authorization": basic, "Content-Type": "application/x-www-form-urlencoded"}
    began = time.monotonic()
    connection.request("POST", "/token", form, headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body, time.monotonic() - began


def recovers(server: Running, basic: str) -> bool:
    """Whether ten logins in a row succeed within two seconds, so that both workers work."""
    until, successes = time.monotonic() + 2, 0
    while successes < 10 and time.monotonic() < until:
        status = ask(server, basic, net_id(2), password(2))[0].status
        assert status in {200, 503}
        successes = successes + 1 if status == 200 else 0
    return successes == 10


def test_right_password_gives_a_token_of_the_person(server: Running, basic: str) -> None:
    """Search with the service account, bind as the one entry, `sub` from its entryUUID (RFC 6749, 4.3)."""
    response, body, _ = ask(server, basic, net_id(4711), password(4711))
    assert response.status == 200, body
    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request(
        "GET", "/api/me", headers={"Authorization": f"Bearer {json.loads(body)['access_token']}"}
    )
    me = json.loads(connection.getresponse().read())
    connection.close()
    assert (me["net_id"], me["mail"]) == (net_id(4711), f"{net_id(4711)}@campus.example")
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", me["sub"])


def test_every_refusal_has_the_same_answer(server: Running, basic: str) -> None:
    """All refusals have the same bytes and headers, except the request's id (RFC 6749, 5.2)."""
    tries = [
        (net_id(1), "wrong"),
        ("nobody", "wrong"),
        (net_id(1), ""),
        ("*", password(1)),
        (f"{net_id(1)})(uid=*", "x"),
    ]
    answers = {
        (
            response.status,
            without_id(body, str(response.getheader("X-Request-Id"))),
            tuple(h for h in response.getheaders() if h[0].lower() not in {"date", "x-request-id"}),
        )
        for response, body, _ in (ask(server, basic, *each) for each in tries)
    }
    assert len(answers) == 1
    assert next(iter(answers))[0] == 400


def test_directory_that_dies_or_hangs_is_503_until_it_is_back(
    server: Running, basic: str, slapd: Slapd
) -> None:
    """Killed: 503 at once. Hung: 503 within the deadline. Back: 200, without a restart of ours."""
    slapd.kill()
    for _ in range(3):
        response, body, seconds = ask(server, basic, net_id(2), password(2))
        assert (response.status, json.loads(body)["error"]) == (503, "temporarily_unavailable")
        assert response.getheader("Retry-After")
        assert seconds < 3
    slapd.start()
    assert recovers(server, basic)
    slapd.freeze()
    response, body, seconds = ask(server, basic, net_id(2), password(2))
    assert (response.status, json.loads(body)["error"]) == (503, "temporarily_unavailable")
    assert seconds < DEADLINE + 0.5
    slapd.thaw()
    assert recovers(server, basic)
