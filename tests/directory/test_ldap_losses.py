"""When lost connections are held against their server."""

import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest

from directory import Directory, DirectoryUnavailable
from directory.ldap.connections.servers import QuickLosses, Servers
from tests.directory.scripted import BIND, EXTENDED, SEARCH, Scripted, friendly

A, B = "ldap://a", "ldap://b"
LOST = DirectoryUnavailable("ldap://a closed the connection")
LIMITS = {"connect_timeout": 0.5, "read_timeout": 0.5, "login_deadline": 0.8}


def servers_of(*uris: str) -> Servers:
    """Servers whose clock stands still."""
    return Servers(uris, clock=lambda: 0.0, monotonic=lambda: 0.0, random=lambda: 0.5)


@pytest.mark.parametrize(("uris", "bearable"), [((A,), 9), ((A, B), 1)])
def test_several_losses_in_a_row_put_a_server_aside(uris: tuple[str, ...], bearable: int) -> None:
    """Two of them where another server is good, ten where none is."""
    servers = servers_of(*uris)
    losses = QuickLosses(servers)
    for _ in range(bearable):
        losses.record(A, 0, LOST)
        assert servers.is_good(A)
    losses.record(A, 0, LOST)
    assert not servers.is_good(A)


def test_an_answer_between_losses_clears_the_count() -> None:
    """Losses count in a row alone, and for each server by itself."""
    servers = servers_of(A, B)
    losses = QuickLosses(servers)
    for _ in range(5):
        losses.record(A, 0, LOST)
        assert losses
        losses.clear(A)
        assert not losses
        losses.record(B, 0, LOST)
        losses.clear(B)
    assert servers.is_good(A)
    assert servers.is_good(B)


def test_loss_of_an_older_connection_is_no_news() -> None:
    """A connection that was opened before the last failure tells nothing new when it is lost too."""
    servers = servers_of(A, B)
    losses = QuickLosses(servers)
    servers.distrust(A, 0)
    for _ in range(5):
        losses.record(A, 0, LOST)
    assert servers.is_good(A)


def losing(operation: int, times: int) -> Callable[[int, int, bytes], bytes | None]:
    """Close the connection at an operation so many times, and answer it then."""
    left = iter(range(times))

    def script(asked: int, number: int, request: bytes) -> bytes | None:
        # The root DSE is read to prove a new connection: that is another operation's loss.
        if asked == operation and b"objectClass" not in request and next(left, None) is not None:
            return None
        return friendly(asked, number, request)

    return script


def state(directory: Directory) -> tuple[str, int]:
    """The state of the only server, and its failures in a row."""
    (status,) = directory.servers()  # type: ignore[attr-defined] # LDAP's own
    return status.state, status.failures


@pytest.mark.parametrize("operation", [BIND, SEARCH])
@pytest.mark.parametrize("account", [True, False])
def test_one_lost_connection_leaves_the_only_server_good(
    opened: Callable[..., Directory],
    operation: int,
    account: bool,  # noqa: FBT001
) -> None:
    """A lost search or bind of our own is repeated; a person's lost bind is 503, once."""
    service = {"bind_dn": "cn=svc", "bind_password": "svc-password"} if account else {}
    with Scripted(losing(operation, 1)) as server:
        directory = opened(uris=(server.uri,), start_tls=False, user_base="dc=x", **LIMITS, **service)
        if operation == BIND and not account:
            with pytest.raises(DirectoryUnavailable):
                directory.authenticate("alice", "x")
        for _ in range(3):
            assert directory.authenticate("alice", "x").net_id == "alice"
            assert state(directory) == ("good", 0)


def test_lost_start_tls_is_tried_again(opened: Callable[..., Directory]) -> None:
    """Connections that are lost while they are set up are made anew, a few times, and no password is sent."""
    with Scripted(lambda *_: None) as server:
        directory = opened(uris=(server.uri,), user_base="dc=x", **LIMITS)
        for connections in (4, 8, 10):
            with pytest.raises(DirectoryUnavailable):
                directory.authenticate("alice", "x")
            assert server.connections == connections
        # Ten in a row are too many: the probe of the next login is the one that finds out.
        assert state(directory)[0] == "quarantined"
        assert bytes([EXTENDED]) in server.received


def test_new_connection_in_clear_has_answered_before_a_password_is_sent(
    opened: Callable[..., Directory],
) -> None:
    """A gateway that accepts and closes costs no login: the bind, which cannot be repeated, comes later."""

    class Closing(Scripted):
        """Closes every other connection before it reads anything."""

        turns = itertools.cycle([True, False])

        def _serve(self, connection: Any) -> None:
            if next(self.turns):
                connection.close()
            else:
                super()._serve(connection)

    with Closing() as server:
        directory = opened(
            uris=(server.uri,), start_tls=False, user_base="dc=x", connection_lifetime=0.001, **LIMITS
        )
        for _ in range(10):
            assert directory.authenticate("alice", "x").net_id == "alice"
            time.sleep(0.002)
        assert state(directory) == ("good", 0)


def test_slow_loss_puts_the_only_server_aside_at_once(opened: Callable[..., Directory]) -> None:
    """A server that holds a login and then closes is like one that hangs: the breaker opens."""

    def script(asked: int, number: int, request: bytes) -> bytes | None:
        if asked == SEARCH:
            time.sleep(0.3)
            return None
        return friendly(asked, number, request)

    with Scripted(script) as server:
        directory = opened(uris=(server.uri,), start_tls=False, user_base="dc=x", **LIMITS)
        with pytest.raises(DirectoryUnavailable):
            directory.authenticate("alice", "x")
        assert state(directory)[0] != "good"


def test_server_that_nobody_listens_at_is_left_alone(opened: Callable[..., Directory]) -> None:
    """A dead only server costs each login a moment, and after a few logins not even a connection."""
    directory = opened(uris=("ldap://127.0.0.1:9",), start_tls=False, user_base="dc=x", **LIMITS)
    for _ in range(4):
        began = time.monotonic()
        with pytest.raises(DirectoryUnavailable):
            directory.authenticate("alice", "x")
        assert time.monotonic() - began < 0.2
    assert state(directory)[0] != "good"
