"""The pool's bounds, and what is sent a second time."""

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
    """A socket that takes so many bytes, and then turns out to be reset."""

    left = 0

    def send(self, data: bytes | memoryview, *_: int) -> int:  # type: ignore[override] # as far as we call it
        """Take what it still takes."""
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
def test_whether_anything_was_sent_is_known(dead: DeadSocket, taken: int, loss: type[ConnectionLost]) -> None:
    """Only a connection that took nothing at all allows a person's bind once more."""
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
def test_what_was_not_sent_is_sent_once_more(
    opened: Callable[..., LdapDirectory],
    dead: DeadSocket,
    purpose: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A kept connection that was reset unnoticed costs no login, whichever of the two it is."""
    with Scripted() as server:
        directory = opened(uris=(server.uri,), **SETTINGS, **LIMITS)
        directory.authenticate("alice", "x")
        pool: ConnectionPool = getattr(directory.pools, purpose)
        with pool.lease(Deadline(1, time.monotonic)) as connection:
            assert connection.socket is not None
            connection.socket.raw.close()
            connection.socket.raw = dead
            monkeypatch.setattr(connection.socket, "is_silent", lambda: True)
        assert directory.authenticate("alice", "x").net_id == "alice"
        # One in the place of it, and for the other lane too: what was open before is not trusted any more.
        assert server.connections in {3, 4}


def test_queue_is_bounded(opened: Callable[..., LdapDirectory]) -> None:
    """Eight may wait for each connection; who comes on top is refused at once, not after the deadline."""
    hung, waiting = threading.Event(), threading.Semaphore(0)

    def script(operation: int, message_id: int, request: bytes) -> bytes | None:
        if operation == BIND:
            waiting.release()
            hung.wait(5)
        return friendly(operation, message_id, request)

    with Scripted(script) as server:
        directory = opened(uris=(server.uri,), pool_size=1, **SETTINGS, login_deadline=5)
        threads = [threading.Thread(target=directory.authenticate, args=("alice", "x")) for _ in range(9)]
        for thread in threads:
            thread.start()
        assert waiting.acquire(timeout=5)
        pool = directory.pools.binds
        until = time.monotonic() + 5
        while pool.stats().waiting < 8 and time.monotonic() < until:
            time.sleep(0.005)
        began = time.monotonic()
        with pytest.raises(DirectoryUnavailable, match="too many wait"):
            directory.authenticate("alice", "x")
        assert time.monotonic() - began < 0.3
        hung.set()
        for thread in threads:
            thread.join(5)


def test_who_gives_up_leaves_no_connection_unused(opened: Callable[..., LdapDirectory]) -> None:
    """Of many who wait, some beyond their deadline, each is answered or refused, and then all works again."""
    slow = threading.Event()

    def script(operation: int, message_id: int, request: bytes) -> bytes | None:
        if operation == BIND and not slow.is_set():
            time.sleep(0.05)
        return friendly(operation, message_id, request)

    def log_in() -> None:
        with contextlib.suppress(DirectoryUnavailable):
            directory.authenticate("alice", "x")

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
        recovers_within(5, lambda: directory.authenticate("alice", "x"))


def test_connections_to_other_servers_count_too(opened: Callable[..., LdapDirectory]) -> None:
    """Going to another server closes a connection to the first, where the lane is full."""
    with Scripted() as one, Scripted() as other:
        directory = opened(uris=(one.uri, other.uri), pool_size=1, **SETTINGS, **LIMITS)
        pool = directory.pools.binds
        for preferred in (one.uri, other.uri, one.uri):
            with pool.lease(Deadline(1, time.monotonic), prefer=preferred) as connection:
                assert connection.name == preferred
            assert pool.stats().idle_servers == (preferred,)


def test_server_without_a_fair_chance_is_not_blamed(opened: Callable[..., LdapDirectory]) -> None:
    """Of a login that has spent its time waiting for a connection, the server knows nothing."""
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
