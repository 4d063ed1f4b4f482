"""The pool's limits, and which requests are sent again."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from directory import DirectoryUnavailable
from directory.ldap import LdapDirectory
from directory.ldap.connections.deadline import Deadline
from directory.ldap.connections.pool import ConnectionPool
from directory.ldap.connections.sockets import ConnectionLost, DeadlineSocket, NothingSent
from tests.directory.conftest import recovers_within
from tests.directory.scripted import BIND, Scripted, friendly

SETTINGS = {"start_tls": False, "user_base": "dc=x"}
LIMITS = {"connect_timeout": 0.3, "read_timeout": 0.5, "login_deadline": 0.6}


class DeadSocket(socket.socket):
    """A socket that accepts `left` bytes, and is then reset."""

    left = 0

    def send(self, data: bytes | memoryview, *_: int) -> int:  # type: ignore[override] # as far as we call it
        """Accept the bytes that still fit."""
        if self.left == 0:
            raise ConnectionResetError(104, "Connection reset by peer")
        taken = min(self.left, len(data))
        self.left -= taken
        return taken


@pytest.fixture
def dead() -> Iterator[DeadSocket]:
    """A socket that was reset."""
    with DeadSocket() as made:
        yield made


@pytest.mark.parametrize(("taken", "loss"), [(0, NothingSent), (3, ConnectionLost)])
def test_only_a_connection_that_accepted_nothing_raises_nothing_sent(
    dead: DeadSocket, taken: int, loss: type[ConnectionLost]
) -> None:
    """A user's bind may be repeated only if the connection accepted none of its bytes."""
    dead.left = taken
    wrapped = DeadlineSocket(dead, server="x", read_timeout=1, deadline=Deadline(1, time.monotonic))
    with pytest.raises(ConnectionLost) as caught:
        wrapped.sendall(b"a request")
    assert type(caught.value) is loss
    with pytest.raises(ConnectionLost) as caught:
        wrapped.sendall(b"another")
    assert type(caught.value) is loss
    wrapped.set_deadline(Deadline(1, time.monotonic))
    with pytest.raises(NothingSent):
        wrapped.sendall(b"in the next use of it")


@pytest.mark.parametrize("purpose", ["searches", "binds"])
def test_request_on_a_dead_idle_connection_is_sent_again(
    opened: Callable[..., LdapDirectory],
    dead: DeadSocket,
    purpose: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An idle connection that was reset unnoticed costs no login, in either pool."""
    with Scripted() as server:
        directory = opened(uris=(server.uri,), **SETTINGS, **LIMITS)
        directory.find("alice").verify("x")
        pool: ConnectionPool = getattr(directory.pools, purpose)
        with pool.lease(Deadline(1, time.monotonic)) as connection:
            assert connection.socket is not None
            connection.socket.raw.close()
            connection.socket.raw = dead
            monkeypatch.setattr(connection.socket, "is_silent", lambda: True)
        assert directory.find("alice").verify("x").net_id == "alice"
        # A new connection replaces it, and one in the other pool: older connections are not trusted any more.
        assert server.connections in {3, 4}


def test_ninth_waiting_thread_is_refused_at_once(opened: Callable[..., LdapDirectory]) -> None:
    """Eight threads may wait for each connection; a further one does not wait for its deadline."""
    hung, waiting = threading.Event(), threading.Semaphore(0)

    def script(operation: int, message_id: int, request: bytes) -> bytes | None:
        if operation == BIND:
            waiting.release()
            hung.wait(5)
        return friendly(operation, message_id, request)

    with Scripted(script) as server:
        directory = opened(uris=(server.uri,), pool_size=1, **SETTINGS, login_deadline=5)
        threads = [threading.Thread(target=lambda: directory.find("alice").verify("x")) for _ in range(9)]
        for thread in threads:
            thread.start()
        assert waiting.acquire(timeout=5)
        pool = directory.pools.binds
        until = time.monotonic() + 5
        while pool.stats().waiting < 8 and time.monotonic() < until:
            time.sleep(0.005)
        began = time.monotonic()
        with pytest.raises(DirectoryUnavailable, match="too many wait"):
            directory.find("alice").verify("x")
        assert time.monotonic() - began < 0.3
        hung.set()
        for thread in threads:
            thread.join(5)


def test_threads_that_give_up_leave_no_slot_taken(opened: Callable[..., LdapDirectory]) -> None:
    """Of many waiting threads, some run out of time. Afterwards every slot is free and logins work."""
    slow = threading.Event()

    def script(operation: int, message_id: int, request: bytes) -> bytes | None:
        if operation == BIND and not slow.is_set():
            time.sleep(0.05)
        return friendly(operation, message_id, request)

    def log_in() -> None:
        with contextlib.suppress(DirectoryUnavailable):
            directory.find("alice").verify("x")

    with Scripted(script) as server:
        directory = opened(uris=(server.uri,), pool_size=2, **SETTINGS, login_deadline=0.12)
        threads = [threading.Thread(target=log_in) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5)
        slow.set()
        pool = directory.pools.binds
        assert (pool.stats().leased, pool.stats().waiting) == (0, 0)
        recovers_within(5, lambda: directory.find("alice").verify("x"))


def test_connections_to_all_servers_share_the_pool_size(opened: Callable[..., LdapDirectory]) -> None:
    """A connection to another server closes an idle one if the pool is full."""
    with Scripted() as one, Scripted() as other:
        directory = opened(uris=(one.uri, other.uri), pool_size=1, **SETTINGS, **LIMITS)
        pool = directory.pools.binds
        for preferred in (one.uri, other.uri, one.uri):
            with pool.lease(Deadline(1, time.monotonic), prefer=preferred) as connection:
                assert connection.name == preferred
            assert pool.stats().idle_servers == (preferred,)


def test_server_that_had_too_little_time_is_not_blamed(opened: Callable[..., LdapDirectory]) -> None:
    """A login may spend its deadline in the pool's queue; the server is not at fault."""
    with Scripted(lambda *_: b"") as server:
        directory = opened(uris=(server.uri,), **SETTINGS, **LIMITS)
        pool = directory.pools.searches
        for seconds, state in ((0.05, "good"), (0.3, "quarantined")):
            with (
                pytest.raises(DirectoryUnavailable, match=r"in time|was not done"),
                pool.lease(Deadline(seconds, time.monotonic)) as connection,
            ):
                connection.read("", attributes=[])
            assert directory.servers()[0].state == state
