"""The production server under clients that hold its threads and its connections.

The timeouts are those of these tests, and shorter than by default. No proxy is in front that buffers bodies.
"""

import json
import resource
import select
import shutil
import socket
import ssl
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from serving import Options
from tests.servers.netid import PROJECT, Running, environment, serving

pytestmark = pytest.mark.slow

FORM = "grant_type=password&username=alice&password=alice-password"
BODY_SECONDS, FIRST_REQUEST_SECONDS = 5.0, 4.0
HURRIED = ("tests.serving.hurried", str(BODY_SECONDS), str(FIRST_REQUEST_SECONDS))
# The reaper inspects connections once a second, and the machine may be busy.
LATER = 2


@dataclass(frozen=True)
class Site:
    """The server, how to reach it, and a client's Authorization header."""

    running: Running
    tls: ssl.SSLContext | None
    basic: str

    def connect(self) -> socket.socket:
        """A connection, after its handshake."""
        connection = socket.create_connection(("127.0.0.1", self.running.port), timeout=30)
        return self.tls.wrap_socket(connection, server_hostname="127.0.0.1") if self.tls else connection

    def ask(self, request: bytes) -> bytes:
        """The answer to a request, on its own connection."""
        with self.connect() as connection:
            return ask(connection, request)

    def get(self, path: str, authorization: str = "") -> bytes:
        """A request without a body."""
        return f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\n\r\n".encode()

    def token_request(self) -> tuple[bytes, bytes]:
        """A login: its head and its body."""
        head = (
            "POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            f"Authorization: {self.basic}\r\nContent-Length: {len(FORM)}\r\n\r\n"
        )
        return head.encode(), FORM.encode()

    def token(self) -> str:
        """A token of a login."""
        body = self.ask(b"".join(self.token_request())).partition(b"\r\n\r\n")[2]
        token: str = json.loads(body)["access_token"]
        return token

    def answers_everything(self, token: str) -> float:
        """Ask for health, check a token and log in, each on a connection of its own; the longest wait."""
        waits = []
        for request in (
            self.get("/healthz"),
            self.get("/api/me", f"Bearer {token}"),
            b"".join(self.token_request()),
        ):
            began = time.monotonic()
            assert self.ask(request).startswith(b"HTTP/1.1 200 ")
            waits.append(time.monotonic() - began)
        return max(waits)


def ask(connection: socket.socket, request: bytes) -> bytes:
    """The answer to a request on this connection."""
    connection.sendall(request)
    return answer(connection)


def answer(connection: socket.socket) -> bytes:
    """What comes next on a connection: a whole answer, or all until its end."""
    got = b""
    while part := connection.recv(65536):
        got += part
        head, found, body = got.partition(b"\r\n\r\n")
        length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if found and length and len(body) >= int(length[0].partition(b":")[2]):
            break
    return got


def closed(connections: Sequence[socket.socket]) -> int:
    """How many of these connections the server has closed."""
    poll = select.poll()
    for each in connections:
        poll.register(each, select.POLLRDHUP)
    return len(poll.poll(0))


def await_closed(connections: Sequence[socket.socket], until: float) -> None:
    """Wait until the server has closed every one of these connections, but no longer than until then."""
    while closed(connections) < len(connections):
        assert time.monotonic() < until, f"{closed(connections)} of {len(connections)} are closed"
        time.sleep(0.05)


@pytest.fixture(scope="module", params=["http", "https"])
def site(
    request: pytest.FixtureRequest, migrated_instance: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """The server with two workers and short timeouts, with HTTP and with HTTPS."""
    folder = tmp_path_factory.mktemp("connections")
    instance = folder / "instance"
    shutil.copytree(migrated_instance, instance)
    settings, context = {"NETID_WORKERS": "2"}, None
    if request.param == "https":
        settings |= certificate(folder)
        context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    made = subprocess.run(
        [*(sys.executable, "-m", "flask", "client", "create", "a program"), "--grant", "password", "--json"],
        cwd=PROJECT,
        env=environment(instance),
        capture_output=True,
        check=True,
    )
    client = json.loads(made.stdout)
    basic = "Basic " + b64encode(f"{client['client_id']}:{client['client_secret']}".encode()).decode()
    with serving(instance, settings=settings, command=HURRIED) as running:
        yield Site(running, context, basic)


def certificate(folder: Path) -> dict[str, str]:
    """Settings with a certificate for this machine; `ca.pem` is who has signed it."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(folder / "ca.pem")
    issued = ca.issue_cert("127.0.0.1")
    for number, blob in enumerate(issued.cert_chain_pems):
        blob.write_to_path(folder / "cert.pem", append=number > 0)
    issued.private_key_pem.write_to_path(folder / "key.pem")
    key = f"{folder}/key.pem"
    convert = ["openssl", "pkcs8", "-topk8", "-nocrypt", "-in", key, "-out", f"{folder}/key8.pem"]
    subprocess.run(convert, check=True, capture_output=True)
    return {"NETID_TLS_CERT_FILE": str(folder / "cert.pem"), "NETID_TLS_KEY_FILE": str(folder / "key8.pem")}


@pytest.fixture
def held() -> Iterator[ExitStack]:
    """Connections that end with the test, and room for many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard) if hard > 0 else 4096, hard))
    with ExitStack() as stack:
        yield stack
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_timeouts_are_10_seconds_by_default() -> None:
    """A body, and the head of a first request, have 10 seconds."""
    options = Options(host="127.0.0.1", port=1, workers=1, threads=1, connections=32)
    assert (options.body_seconds, options.first_request_seconds) == (10, 10)


def test_requests_are_answered_beside_bodies_that_never_arrive(site: Site, held: ExitStack) -> None:
    """Beside 40 requests whose bodies never come everything is answered, and they end at the deadline."""
    token, head = site.token(), site.token_request()[0]
    stuck = [held.enter_context(site.connect()) for _ in range(40)]
    for each in stuck:
        each.sendall(head)
    until = time.monotonic() + BODY_SECONDS + LATER
    waits = [site.answers_everything(token) for _ in range(8)]
    assert max(waits) < 2
    assert closed(stuck) < 40, "none was left that held a thread"
    await_closed(stuck, until)
    statuses = {each.recv(12) for each in stuck}
    assert statuses <= {b"HTTP/1.1 408", b"HTTP/1.1 503", b""}
    assert b"HTTP/1.1 408" in statuses


def test_slow_body_within_the_timeout_is_served(site: Site) -> None:
    """A client whose body needs two seconds, in pieces, gets its token."""
    head, body = site.token_request()
    with site.connect() as connection:
        connection.sendall(head)
        for start in range(0, len(body), 15):
            time.sleep(0.5)
            connection.sendall(body[start : start + 15])
        assert answer(connection).startswith(b"HTTP/1.1 200 ")


def test_server_ends_in_time_beside_bodies_that_never_arrive(migrated_instance: Path, tmp_path: Path) -> None:
    """SIGTERM ends each worker before it is killed, so that refusals that wait reach the audit."""
    instance = tmp_path / "instance"
    shutil.copytree(migrated_instance, instance)
    head = (
        b"POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    )
    with ExitStack() as held, serving(instance, settings={"NETID_WORKERS": "1"}) as running:
        # The port listens before the worker serves it.
        site = Site(running, None, "")
        assert site.ask(site.get("/healthz")).startswith(b"HTTP/1.1 200 ")
        for _ in range(6):
            stuck = held.enter_context(socket.create_connection(("127.0.0.1", running.port), timeout=30))
            stuck.sendall(head)
            assert select.select([stuck], [], [], 0.1) == ([], [], [])
        began = time.monotonic()
        running.process.terminate()
        running.process.wait(30)
    assert time.monotonic() - began < 8
    assert "Killing" not in running.printed()


def test_connections_without_a_request_end(site: Site, held: ExitStack) -> None:
    """Silence and half a head end after the timeout; a client that has sent a request may pause."""
    used = held.enter_context(site.connect())
    assert ask(used, site.get("/healthz")).startswith(b"HTTP/1.1 200 ")
    # A request of the same moment and address could be theirs, as far as the server knows.
    time.sleep(1)
    silent = [held.enter_context(site.connect()) for _ in range(3)]
    half = [held.enter_context(site.connect()) for _ in range(3)]
    for each in half:
        each.sendall(b"GET /healthz HTTP/1.1\r\nHost")
    began = time.monotonic()
    time.sleep(FIRST_REQUEST_SECONDS - 1)
    assert closed([*silent, *half]) == 0
    await_closed([*silent, *half], began + FIRST_REQUEST_SECONDS + LATER)
    assert ask(used, site.get("/healthz")).startswith(b"HTTP/1.1 200 ")


def test_requests_are_answered_beside_too_many_idle_connections(site: Site, held: ExitStack) -> None:
    """Beside more silent connections than the server takes at once, everything is answered."""
    token = site.token()
    address = ("127.0.0.1", site.running.port)
    idle = [held.enter_context(socket.create_connection(address, timeout=30)) for _ in range(2_300)]
    until = time.monotonic() + FIRST_REQUEST_SECONDS + LATER
    assert site.answers_everything(token) < 3
    assert site.answers_everything(token) < 2
    await_closed(idle, until)
