"""Guesses through the production server lock no account of a directory that locks accounts."""

import json
import subprocess
import sys
from base64 import b64encode
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.servers.netid import PROJECT, Running, environment, serving
from tests.servers.policy import Locking, PolicySlapd

pytestmark = pytest.mark.server

BUDGET, WORKERS = 3, 2


def register(instance: Path, settings: Mapping[str, str]) -> str:
    """Register a client. Returns its Authorization header."""
    command = (
        sys.executable,
        "-m",
        "flask",
        "client",
        "create",
        "a program",
        "--grant",
        "password",
        "--json",
    )
    environ = environment(instance, **settings)
    made = subprocess.run(command, cwd=PROJECT, env=environ, capture_output=True, check=True)
    client = json.loads(made.stdout)
    return "Basic " + b64encode(f"{client['client_id']}:{client['client_secret']}".encode()).decode()


def guess(server: Running, basic: str, number: int) -> int:
    """Try another password from another address. Returns the status."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
    form = urlencode({"grant_type": "password", "username": "alice", "password": f"guess{number}"})
    headers = {
        "Authorization": basic,
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Forwarded-For": f"192.0.{number // 250}.{number % 250}",
    }
    connection.request("POST", "/token", form, headers)
    status = connection.getresponse().status
    connection.close()
    return status


def attack(instance: Path, locking: Locking | PolicySlapd, guesses: int, *, counts_each: bool = True) -> None:
    """Guess many passwords, four at a time, and check that alice is not locked out.

    `counts_each` is False for a directory that may count simultaneous binds as one.
    """
    settings = {**locking.settings, "NETID_TRUSTED_PROXIES": "1", "NETID_WORKERS": str(WORKERS)}
    with serving(instance, settings=settings) as server, ThreadPoolExecutor(4) as pool:
        basic = register(instance, settings)
        statuses = list(pool.map(lambda number: guess(server, basic, number), range(guesses)))
    assert set(statuses) <= {400, 429, 503}
    assert statuses.count(400) <= BUDGET + WORKERS - 1
    assert statuses[-1] == 429
    counted = locking.administrator.failures("alice") or 0
    assert counted == statuses.count(400) if counts_each else 0 < counted <= statuses.count(400)
    assert not locking.administrator.is_locked("alice")


def test_openldap_accounts_are_not_locked(tmp_path: Path, policy_slapd: PolicySlapd) -> None:
    """OpenLDAP, which locks after five failures: 500 guesses from 500 addresses, through two workers."""
    attack(tmp_path / "instance", policy_slapd, 500)


@pytest.mark.parametrize("kind", ["policy_ds389", "policy_samba"])
def test_accounts_of_other_directories_are_not_locked(
    tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    """389-ds and Active Directory (Samba), in the same way."""
    locking: Locking = request.getfixturevalue(kind)
    locking.administrator.unlock("alice")
    # 389-ds reads its count and writes it back: of four wrong binds at once it counts three now and then.
    attack(tmp_path / "instance", locking, 100, counts_each=kind != "policy_ds389")
