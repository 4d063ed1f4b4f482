"""The servers that are compared, started over one directory, each with a client and with tokens."""

import json
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from bench.load import Target
from tests.servers.crowd import SERVICE_DN, SERVICE_PASSWORD, net_id, password
from tests.servers.netid import PROJECT, environment, serving
from tests.servers.slapd import SUFFIX, Slapd

BASE = f"ou=people,{SUFFIX}"
WORKERS = 2
_TOKENS = 100


@dataclass(frozen=True, slots=True)
class Contender:
    """A server that runs: its processes are children of `pid`."""

    target: Target
    pid: int


def settings_for(slapd: Slapd, **more: str) -> dict[str, str]:
    """Our own server's settings over a directory in clear on this machine, durable as `more` says."""
    return {
        "NETID_LDAP_URI": slapd.ldap,
        "NETID_LDAP_START_TLS": "off",
        "NETID_LDAP_BIND_DN": SERVICE_DN,
        "NETID_LDAP_BIND_PASSWORD": SERVICE_PASSWORD,
        "NETID_LDAP_USER_BASE": BASE,
        "NETID_WORKERS": str(WORKERS),
        "NETID_SQLITE_SYNCHRONOUS": "NORMAL",
        **more,
    }


@contextmanager
def ours(instance: Path, settings: Mapping[str, str]) -> Iterator[Contender]:
    """This server, as `make serve` starts it."""
    with serving(instance, settings=settings) as server:
        url = f"http://127.0.0.1:{server.port}"
        yield Contender(with_tokens(url, register(instance, settings)), server.process.pid)


def register(instance: Path, settings: Mapping[str, str]) -> str:
    """Register a client that may introspect; its Authorization header."""
    command = [sys.executable, "-m", "flask", "client", "create", "bench", "--resource-server"]
    made = subprocess.run(
        [*command, "--grant", "password refresh_token", "--json"],
        cwd=PROJECT,
        env=environment(instance, **settings),
        capture_output=True,
        check=True,
    )
    client = json.loads(made.stdout)
    return basic(client["client_id"], client["client_secret"])


def basic(client_id: str, client_secret: str) -> str:
    """The Authorization header of a client."""
    return "Basic " + b64encode(f"{client_id}:{client_secret}".encode()).decode()


def with_tokens(url: str, authorization: str, *, count: int = _TOKENS) -> Target:
    """A target with tokens of so many people."""
    return Target(url, authorization, [a_token(url, authorization, number) for number in range(count)])


def a_token(url: str, authorization: str, number: int) -> str:
    """An access token of one person.

    Raises:
        SystemExit: there is none.
    """
    fields = {"grant_type": "password", "username": net_id(number), "password": password(number)}
    headers = {"Authorization": authorization, "Content-Type": "application/x-www-form-urlencoded"}
    connection = HTTPConnection(str(urlsplit(url).netloc), timeout=30)
    connection.request("POST", "/oauth/token", urlencode(fields), headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    if response.status != 200:
        raise SystemExit(f"no token of {url}: {response.status} {body.decode(errors='replace')}")
    return str(json.loads(body)["access_token"])
