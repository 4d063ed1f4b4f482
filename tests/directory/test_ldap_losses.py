"""When a server is blamed for lost connections."""

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
    """Make servers whose clock stands still."""
    return Servers(uris, clock=lambda: 0.0, monotonic=lambda: 0.0, random=lambda: 0.5)


@pytest.mark.parametrize(("uris", "bearable"), [((A,), 9), ((A, B), 1)])
def test_losses_in_a_row_quarantine_a_server(uris: tuple[str, ...], bearable: int) -> None:
    """Two are enough if another server is good; otherwise ten."""
    servers = servers_of(*uris)
    losses = QuickLosses(servers)
    for _ in range(bearable):
        losses.record(A, 0, LOST)
        assert servers.is_good(A)
    losses.record(A, 0, LOST)
    assert not servers.is_good(A)


def test_answer_between_losses_clears_the_count() -> None:
    """Only losses in a row count, for each server separately."""
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


def test_loss_from_an_earlier_epoch_is_ignored() -> None:
    """The connection was opened before the last failure."""
    servers = servers_of(A, B)
    losses = QuickLosses(servers)
    servers.distrust(A, 0)
    for _ in range(5):
        losses.record(A, 0, LOST)
    assert servers.is_good(A)


def losing(operation: int, times: int) -> Callable[[int, int, bytes], bytes | None]:
    """Close the connection at the first `times` requests of an operation, then answer."""
    left = iter(range(times))

    def script(asked: int, number: int, request: bytes) -> bytes | None:
        # Reading the root DSE proves a new connection; it is not the operation to lose.
        if asked == operation and b"objectClass" not in request and next(left, None) is not None:
            return None
        return friendly(asked, number, request)

    return script


def state(directory: Directory) -> tuple[str, int]:
    """Return the state of the only server, and its failures in a row."""
    (status,) = directory.servers()  # type: ignore[attr-defined] # LDAP's own
    return status.state, status.failures


@pytest.mark.parametrize("operation", [BIND, SEARCH])
@pytest.mark.parametrize("account", [True, False])
def test_one_lost_connection_leaves_the_only_server_good(
    opened: Callable[..., Directory],
    operation: int,
    account: bool,  # noqa: FBT001
) -> None:
    """A lost search or bind of our own account is repeated; a user's lost bind is 503, once."""
    service = {"bind_dn": "cn=svc", "bind_password": "svc-password"} if account else {}
    with Scripted(losing(operation, 1)) as server:
        directory = opened(uris=(server.uri,), start_tls=False, user_base="dc=x", **LIMITS, **service)
        if operation == BIND and not account:
            with pytest.raises(DirectoryUnavailable):
                directory.find("alice").verify("x")
        for _ in range(3):
            assert directory.find("alice").verify("x").net_id == "alice"
            assert state(directory) == ("good", 0)


def test_lost_start_tls_is_tried_again(opened: Callable[..., Directory]) -> None:
    """A connection that is lost during its setup is opened again, a few times; no password is sent."""
    with Scripted(lambda *_: None) as server:
        directory = opened(uris=(server.uri,), user_base="dc=x", **LIMITS)
        for connections in (4, 8, 10):
            with pytest.raises(DirectoryUnavailable):
                directory.find("alice").verify("x")
            assert server.connections == connections
        # Ten in a row are too many: the next login starts a probe instead.
        assert state(directory)[0] == "quarantined"
        assert bytes([EXTENDED]) in server.received


@pytest.mark.parametrize(("lost", "is_good"), [(9, True), (10, False)])
def test_lost_probe_of_the_only_server_is_repeated(
    opened: Callable[..., Directory],
    lost: int,
    is_good: bool,  # noqa: FBT001
) -> None:
    """Ten lost connections in a row fail the probe, so a few lost ones begin no back-off."""
    is_losing = [True] * (10 + lost)

    def script(asked: int, number: int, request: bytes) -> bytes | None:
        return None if is_losing and is_losing.pop() else friendly(asked, number, request)

    service = {"bind_dn": "cn=svc", "bind_password": "svc-password"}
    with Scripted(script) as server:
        directory = opened(uris=(server.uri,), start_tls=False, user_base="dc=x", **LIMITS, **service)
        for _ in range(3):
            with pytest.raises(DirectoryUnavailable):
                directory.find("alice")
        assert state(directory)[0] == "quarantined"
        assert server.connections == 10
        if is_good:
            assert directory.find("alice").verify("x").net_id == "alice"
            assert state(directory)[0] == "good"
        else:
            with pytest.raises(DirectoryUnavailable):
                directory.find("alice")
            assert state(directory) == ("quarantined", 2)
            assert server.connections == 20


def test_only_server_is_probed_at_once_after_each_quarantine_for_losses() -> None:
    """A quick loss holds no login, so a second quarantine begins no back-off. With another server it does."""
    for uris, due in (((A,), [A]), ((A, B), [])):
        servers = servers_of(*uris)
        losses = QuickLosses(servers)
        for _ in range(10):
            losses.record(A, 0, LOST)
        assert servers.claim_probes(urgent=len(uris) == 1) == [A]
        servers.probe_succeeded(A)
        for _ in range(10):
            losses.record(A, servers.epoch(A), LOST)
        assert not servers.is_good(A)
        assert servers.claim_probes(urgent=len(uris) == 1) == due


def test_new_connection_without_tls_has_answered_before_a_bind(
    opened: Callable[..., Directory],
) -> None:
    """A gateway that accepts and closes costs no login: the bind, which cannot be repeated, comes later."""

    class Closing(Scripted):
        """Closes every other connection before it reads anything."""

        turns = itertools.cycle([True, False])

        def serve(self, connection: Any) -> None:
            if next(self.turns):
                connection.close()
            else:
                super().serve(connection)

    with Closing() as server:
        directory = opened(
            uris=(server.uri,), start_tls=False, user_base="dc=x", connection_lifetime=0.001, **LIMITS
        )
        for _ in range(10):
            assert directory.find("alice").verify("x").net_id == "alice"
            time.sleep(0.002)
        assert state(directory) == ("good", 0)


def test_slow_loss_quarantines_the_only_server_at_once(opened: Callable[..., Directory]) -> None:
    """A server that holds a login and then closes is treated like one that hangs."""

    def script(asked: int, number: int, request: bytes) -> bytes | None:
        if asked == SEARCH:
            time.sleep(0.3)
            return None
        return friendly(asked, number, request)

    with Scripted(script) as server:
        directory = opened(uris=(server.uri,), start_tls=False, user_base="dc=x", **LIMITS)
        with pytest.raises(DirectoryUnavailable):
            directory.find("alice").verify("x")
        assert state(directory)[0] != "good"


def test_server_that_refuses_connections_is_quarantined(opened: Callable[..., Directory]) -> None:
    """It costs each login a moment, and after a few logins no connection at all."""
    directory = opened(uris=("ldap://127.0.0.1:9",), start_tls=False, user_base="dc=x", **LIMITS)
    for _ in range(4):
        began = time.monotonic()
        with pytest.raises(DirectoryUnavailable):
            directory.find("alice").verify("x")
        assert time.monotonic() - began < 0.2
    assert state(directory)[0] != "good"
