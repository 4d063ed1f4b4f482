"""The servers that are compared, started over one directory, each with a client and with tokens."""

import json
import os
import signal
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
from tests.servers.netid import PROJECT, await_port, environment, free_port, serving
from tests.servers.slapd import SUFFIX, Slapd

BASE = f"ou=people,{SUFFIX}"
WORKERS = 2
NAIVE_THREADS = 4
_NAIVE_CLIENT = ("naive", "naive-secret")
_TOKENS = 100


@dataclass(frozen=True, slots=True)
class Contender:
    """A running server, whose processes are children of `pid`."""

    target: Target
    pid: int


def settings_for(slapd: Slapd, **more: str) -> dict[str, str]:
    """The settings of this server over a local directory without TLS; `more` sets the durability."""
    return {
        "NETID_LDAP_URI": slapd.ldap,
        "NETID_LDAP_START_TLS": "off",
        "NETID_LDAP_BIND_DN": SERVICE_DN,
        "NETID_LDAP_BIND_PASSWORD": SERVICE_PASSWORD,
        "NETID_LDAP_USER_BASE": BASE,
        "NETID_WORKERS": str(WORKERS),
        "NETID_SQLITE_SYNCHRONOUS": "NORMAL",
        **{name: value for name in ("NETID_THREADS", "NETID_LDAP_CODEC") if (value := os.environ.get(name))},
        **more,
    }


@contextmanager
def ours(instance: Path, settings: Mapping[str, str]) -> Iterator[Contender]:
    """This server, as `make serve` starts it."""
    with serving(instance, settings=settings) as server:
        url = f"http://127.0.0.1:{server.port}"
        yield Contender(with_tokens(url, register(instance, settings)), server.process.pid)


@contextmanager
def naive(folder: Path, slapd: Slapd) -> Iterator[Contender]:
    """The naive wiring on the same production server, with the same number of workers and durability."""
    folder.mkdir()
    port, output = free_port(), folder / "log"
    environ = {
        **os.environ,
        "AUTHLIB_INSECURE_TRANSPORT": "1",
        "NAIVE_LDAP": slapd.ldap,
        "NAIVE_BASE": BASE,
        "NAIVE_DN": SERVICE_DN,
        "NAIVE_PASSWORD": SERVICE_PASSWORD,
        "NAIVE_SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder}/naive.db",
        "NAIVE_SYNCHRONOUS": "NORMAL",
    }
    setup = [sys.executable, "-m", "bench.naive.setup", *_NAIVE_CLIENT]
    subprocess.run(setup, cwd=PROJECT, env=environ, check=True)
    server = [sys.executable, "-m", "granian", "--interface", "wsgi", "--http", "1", "--no-ws"]
    size = ["--workers", str(WORKERS), "--blocking-threads", str(NAIVE_THREADS)]
    with output.open("w") as stream:
        process = subprocess.Popen(
            [*server, *size, "--port", str(port), "bench.naive.app:app"],
            cwd=PROJECT,
            env=environ,
            stdout=stream,
            stderr=stream,
            text=True,
        )
        try:
            await_port(process, port, output)
            yield Contender(with_tokens(f"http://127.0.0.1:{port}", basic(*_NAIVE_CLIENT)), process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def register(instance: Path, settings: Mapping[str, str]) -> str:
    """Register a client that may introspect. Returns its Authorization header."""
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
    """A target with tokens of `count` people."""
    return Target(url, authorization, [a_token(url, authorization, number) for number in range(count)])


def a_token(url: str, authorization: str, number: int) -> str:
    """An access token of one person.

    Raises:
        SystemExit: the server issued no token.
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
