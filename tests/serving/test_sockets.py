"""The connections of this process, as the kernel shows them."""

import socket
from collections.abc import Iterator

import pytest

from serving.connections.sockets import Sockets

pytestmark = pytest.mark.skipif(not Sockets.are_visible(), reason="only Linux shows a process its sockets")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket that listens."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


@pytest.fixture
def sockets(listener: socket.socket) -> Sockets:
    """What is looked at: the connections to it."""
    return Sockets(listener.getsockname()[1])


def connected(listener: socket.socket) -> tuple[socket.socket, socket.socket]:
    """Both ends of a connection: the client's, and ours."""
    client = socket.create_connection(listener.getsockname(), timeout=5)
    return client, listener.accept()[0]


def test_connections_of_the_port_are_listed(listener: socket.socket, sockets: Sockets) -> None:
    """Neither the socket that listens is one, nor the client's end, nor a connection to another port."""
    assert sockets.look() == []
    client, ours = connected(listener)
    with socket.create_server(("127.0.0.1", 0)) as other, client, ours:
        elsewhere = connected(other)
        [seen] = sockets.look()
        assert (seen.descriptor, seen.address) == (ours.fileno(), "127.0.0.1")
        for end in elsewhere:
            end.close()
    assert (seen.received, seen.has_sent) == (0, False)
    assert 0 <= seen.since_received < 60
    assert sockets.look() == []


@pytest.mark.parametrize(("called", "address"), [("::1", "::1"), ("127.0.0.1", "::ffff:127.0.0.1")])
def test_ipv6_addresses_equal_those_of_requests(called: str, address: str) -> None:
    """A connection has the address of its requests, also on a socket for IPv4 and IPv6."""
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection((called, port), timeout=5), listener.accept()[0] as ours:
            [seen] = Sockets(port).look()
            assert (seen.descriptor, seen.address) == (ours.fileno(), address)


def test_bytes_and_times_are_reported(listener: socket.socket, sockets: Sockets) -> None:
    """What came in is counted, and an answer is noted."""
    client, ours = connected(listener)
    with client, ours:
        client.sendall(b"hello")
        assert ours.recv(5) == b"hello"
        [asked] = sockets.look()
        assert (asked.received, asked.has_sent) == (5, False)
        ours.sendall(b"hello")
        [answered] = sockets.look()
        assert (answered.received, answered.has_sent) == (5, True)
        assert answered.since_sent <= answered.since_received
        assert answered.identity == asked.identity


def test_ended_connection_ends_for_the_client(listener: socket.socket, sockets: Sockets) -> None:
    """The client sees the end of the connection, and a reader on our side does too."""
    client, ours = connected(listener)
    with client, ours:
        [seen] = sockets.look()
        assert sockets.end(seen)
        assert client.recv(1) == b""
        assert ours.recv(1) == b""


def test_connection_that_received_data_meanwhile_is_not_ended(
    listener: socket.socket, sockets: Sockets
) -> None:
    """A request that comes between the look and the end is answered."""
    client, ours = connected(listener)
    with client, ours:
        [seen] = sockets.look()
        client.sendall(b"GET")
        assert ours.recv(3) == b"GET"
        assert not sockets.end(seen)
        ours.sendall(b"200")
        assert client.recv(3) == b"200"


def test_reused_descriptor_is_not_ended(listener: socket.socket, sockets: Sockets) -> None:
    """A descriptor may be closed after the look, and its number be given away."""
    first, ours = connected(listener)
    [seen] = sockets.look()
    first.close()
    ours.close()
    client, ours = connected(listener)
    again, ours_again = connected(listener)
    with client, ours, again, ours_again:
        assert not sockets.end(seen)
        ours.sendall(b"x")
        assert client.recv(1) == b"x"
