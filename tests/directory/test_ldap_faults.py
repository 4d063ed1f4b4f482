"""A directory that is killed, frozen or slow costs a login no more than its deadline."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from directory import DirectoryUnavailable
from directory.ldap import LdapConfig, LdapDirectory, open_directory
from directory.ldap.connections.deadline import Deadline
from tests.directory.conformance import ALICE
from tests.directory.conftest import MovedClock, recovers_within
from tests.directory.scripted import BIND, EXTENDED, SEARCH, Dripping, Scripted, friendly
from tests.servers.slapd import Slapd

OPERATION = 8  # index of a response's operation, after 30 len 02 04 and an id of four octets
LIMITS = {"connect_timeout": 0.3, "read_timeout": 0.3, "login_deadline": 0.5}


@contextlib.contextmanager
def unavailable_within(seconds: float) -> Iterator[None]:
    """The block must raise DirectoryUnavailable within `seconds`."""
    began = time.monotonic()
    with pytest.raises(DirectoryUnavailable):
        yield
    assert time.monotonic() - began < seconds


@pytest.mark.parametrize("logins_before", [0, 1])
def test_killed_server_is_unavailable_at_once(
    on_slapd: Callable[..., LdapDirectory], new_slapd: Callable[..., Slapd], logins_before: int
) -> None:
    """It is good again within a second of its return."""
    server = new_slapd()
    clock = MovedClock()
    directory = on_slapd(server, monotonic=clock)
    for _ in range(logins_before):
        directory.find("alice").verify("alice-password")
    server.kill()
    for ask in (
        lambda: directory.find("alice").verify("alice-password"),
        lambda: directory.read(ALICE),
        directory.ping,
    ):
        with unavailable_within(0.1):
            ask()
    server.start()
    clock.move(1)
    assert directory.find("alice").verify("alice-password").id == ALICE


@pytest.mark.parametrize("scheme", ["ldap", "ldaps", "ldapi"])
def test_frozen_server_costs_one_login_its_deadline(
    on_slapd: Callable[..., LdapDirectory], new_slapd: Callable[..., Slapd], scheme: str
) -> None:
    """Later logins fail at once, and logins work again after the server does."""
    server = new_slapd()
    directory = on_slapd(server, uris=(getattr(server, scheme),), **LIMITS)
    directory.find("alice").verify("alice-password")
    server.freeze()
    for seconds in (0.7, 0.05, 0.05):
        with unavailable_within(seconds):
            directory.find("alice").verify("alice-password")
    server.thaw()
    recovers_within(2, lambda: directory.find("alice").verify("alice-password"))


def test_restarted_server_costs_no_login(
    on_slapd: Callable[..., LdapDirectory], new_slapd: Callable[..., Slapd]
) -> None:
    """Connections to the old process are replaced unnoticed."""
    server = new_slapd()
    directory = on_slapd(server)
    for _ in range(2):
        assert directory.find("alice").verify("alice-password").id == ALICE
        server.kill()
        server.start()


def test_idle_connection_that_the_server_closed_costs_no_login(
    on_slapd: Callable[..., LdapDirectory], new_slapd: Callable[..., Slapd]
) -> None:
    """The pool notices the close before it leases the connection (RFC 4511, 5.3)."""
    server = new_slapd(more="idletimeout 1")
    directory = on_slapd(server)
    directory.find("alice").verify("alice-password")
    with directory.pools.searches.lease(Deadline(1, time.monotonic)) as kept:
        assert kept.is_alive()
    until = time.monotonic() + 5
    while kept.is_alive() and time.monotonic() < until:
        time.sleep(0.05)
    assert not kept.is_alive()
    assert directory.find("alice").verify("alice-password").id == ALICE


@pytest.mark.parametrize("operation", [BIND, SEARCH, EXTENDED])
def test_server_that_sends_single_bytes_does_not_extend_the_deadline(
    opened: Callable[..., LdapDirectory], operation: int
) -> None:
    """Each byte arrives within the read timeout, yet the login ends in time."""

    class DripsAt(Dripping):
        def send(self, connection: socket.socket, answer: bytes) -> None:
            if answer[OPERATION] == {BIND: 0x61, SEARCH: 0x64, EXTENDED: 0x78}[operation]:
                super().send(connection, answer)
            else:
                connection.sendall(answer)

    with DripsAt() as server:
        directory = opened(uris=(server.uri,), start_tls=operation == EXTENDED, user_base="dc=x", **LIMITS)
        with unavailable_within(0.7):
            directory.find("alice").verify("alice-password")


def test_silent_tls_handshake_costs_the_read_timeout(opened: Callable[..., LdapDirectory]) -> None:
    """The server accepts the connection and sends nothing."""
    with Scripted() as server:
        server.script = lambda *_: b""
        uri = server.uri.replace("ldap:", "ldaps:")
        directory = opened(uris=(uri,), user_base="dc=x", **LIMITS)
        with unavailable_within(0.7):
            directory.find("alice").verify("alice-password")


def test_connection_is_not_reused_after_the_deadline(opened: Callable[..., LdapDirectory]) -> None:
    """A late response must not be read as the next user's, so the connection is closed."""
    late = threading.Event()

    def script(operation: int, message_id: int, request: bytes) -> bytes | None:
        if operation == BIND and not late.is_set():
            late.wait(5)
        return friendly(operation, message_id, request)

    with Scripted(script) as server:
        directory = opened(uris=(server.uri,), start_tls=False, user_base="dc=x", **LIMITS)
        with unavailable_within(0.7):
            directory.find("alice").verify("alice-password")
        assert directory.pools.binds.stats().idle == 0
        late.set()
        assert directory.find("alice").verify("alice-password").net_id == "alice"
        # One for the probe, and new ones for search and bind: older connections are not trusted.
        assert server.connections == 5


def test_wait_for_a_busy_connection_ends_with_the_deadline(
    opened: Callable[..., LdapDirectory],
) -> None:
    """Every connection is leased, so a login waits until its deadline."""
    hung = threading.Event()

    def script(operation: int, message_id: int, request: bytes) -> bytes | None:
        if operation == BIND:
            hung.wait(5)
        return friendly(operation, message_id, request)

    with Scripted(script) as server:
        directory = opened(
            uris=(server.uri,),
            start_tls=False,
            user_base="dc=x",
            pool_size=1,
            **{**LIMITS, "read_timeout": 5},
        )
        took: list[float] = []

        def log_in() -> None:
            began = time.monotonic()
            with pytest.raises(DirectoryUnavailable):
                directory.find("alice").verify("alice-password")
            took.append(time.monotonic() - began)

        threads = [threading.Thread(target=log_in) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5)
        hung.set()
        assert len(took) == 4
        assert max(took) < 0.7


def test_many_threads_share_few_connections(opened: Callable[..., LdapDirectory]) -> None:
    """In each of the two pools, no more connections are open than its size."""
    with Scripted() as server:
        directory = opened(uris=(server.uri,), start_tls=False, user_base="dc=x", pool_size=2)
        failures: list[Exception] = []

        def log_in() -> None:
            try:
                for _ in range(10):
                    directory.find("alice").verify("alice-password")
            except Exception as error:  # noqa: BLE001 - a thread has nobody to raise it to
                failures.append(error)

        threads = [threading.Thread(target=log_in) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert failures == []
        assert server.connections <= 4


def test_old_connections_are_replaced() -> None:
    """A connection past its lifetime is not used again, even if it works."""
    now = [0.0]
    with Scripted() as server:
        config = LdapConfig(uris=(server.uri,), start_tls=False, user_base="dc=x", connection_lifetime=600)
        directory = open_directory(config, monotonic=lambda: now[0])
        for moment, connections in ((0.0, 2), (599.0, 2), (600.0, 4), (1199.0, 4)):
            now[0] = moment
            directory.find("alice").verify("alice-password")
            assert server.connections == connections
        directory.close()
