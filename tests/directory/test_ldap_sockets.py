"""Opening and using a socket to a server: names, addresses, timeouts."""

import errno
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from directory import Directory, DirectoryUnavailable
from directory.ldap.connections.deadline import Deadline
from directory.ldap.connections.dial import dial
from directory.ldap.connections.sockets import DeadlineSocket
from directory.ldap.connections.tls import secure
from directory.ldap.connections.uri import ServerUri
from tests.directory.scripted import Scripted


def test_name_that_does_not_resolve_is_unavailable(opened: Callable[..., Directory]) -> None:
    """The cause names the host that does not resolve."""
    directory = opened(uris=("ldap://directory.invalid",), user_base="dc=x")
    with pytest.raises(DirectoryUnavailable, match=r"directory\.invalid"):
        directory.ping()


def test_resolver_that_hangs_costs_the_connect_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver runs in its own thread, so it cannot hold a login for longer."""
    hung = threading.Event()
    real = socket.getaddrinfo

    def getaddrinfo(*arguments: Any, **options: Any) -> Any:
        if not options["flags"]:
            hung.wait(5)
            return []
        return real(*arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    began = time.monotonic()
    with pytest.raises(DirectoryUnavailable, match="was not resolved in time"):
        dial(
            ServerUri.parse("ldap://directory.example"),
            connect_timeout=0.2,
            deadline=Deadline(5, time.monotonic),
        )
    assert time.monotonic() - began < 0.5
    hung.set()


def test_missing_unix_socket_is_unavailable(opened: Callable[..., Directory], tmp_path: Path) -> None:
    """The cause names the path of the socket that does not exist."""
    path = str(tmp_path / "none").replace("/", "%2F")
    with pytest.raises(DirectoryUnavailable, match="cannot be reached"):
        opened(uris=(f"ldapi://{path}",), user_base="dc=x").ping()


def test_tcp_nodelay_is_set() -> None:
    """Without TCP_NODELAY a bind over TLS 1.3 waits 40 ms for an acknowledgement."""
    with Scripted() as server:
        raw = dial(ServerUri.parse(server.uri), connect_timeout=1, deadline=Deadline(1, time.monotonic))
        with raw:
            assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_address_of_an_unsupported_family_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the kernel lacks a host's address family, the next address is tried."""
    real = socket.socket

    def without_ipv6(family: int, kind: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return real(family, kind)

    with real() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        address = listener.getsockname()
        both = [(socket.AF_INET6, ("::1", address[1])), (socket.AF_INET, address)]
        monkeypatch.setattr("directory.ldap.connections.dial.resolve", lambda *_, **__: both)
        monkeypatch.setattr("directory.ldap.connections.dial.socket.socket", without_ipv6)
        uri = ServerUri.parse(f"ldap://127.0.0.1:{address[1]}")
        dial(uri, connect_timeout=1, deadline=Deadline(1, time.monotonic)).close()


def test_request_that_the_server_does_not_read_times_out() -> None:
    """A request that fills the socket's buffers ends with the read timeout."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        wrapped = DeadlineSocket(ours, server="x", read_timeout=0.1, deadline=Deadline(5, time.monotonic))
        began = time.monotonic()
        with pytest.raises(DirectoryUnavailable, match="did not answer in time"):
            wrapped.sendall(b"\0" * 10_000_000)
        assert 0.1 <= time.monotonic() - began < 1


def test_read_ends_with_the_read_timeout_or_an_earlier_deadline() -> None:
    """A missing response ends with the read timeout, or with the deadline if that comes first."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        wrapped = DeadlineSocket(ours, server="x", read_timeout=0.3, deadline=Deadline(5, time.monotonic))
        for deadline, seconds in ((0.1, 0.1), (5, 0.3), (0.2, 0.2)):
            wrapped.set_deadline(Deadline(deadline, time.monotonic))
            began = time.monotonic()
            with pytest.raises(DirectoryUnavailable, match="did not answer in time"):
                wrapped.recv(1)
            assert seconds - 0.01 <= time.monotonic() - began < seconds + 0.1


def test_large_request_is_sent_completely() -> None:
    """A request that the server reads in several parts arrives unchanged."""
    ours, theirs = socket.socketpair()
    received = []
    with ours, theirs:
        reader = threading.Thread(target=lambda: received.append(theirs.makefile("rb").read(3_000_000)))
        reader.start()
        wrapped = DeadlineSocket(ours, server="x", read_timeout=5, deadline=Deadline(5, time.monotonic))
        wrapped.sendall(b"request" * 400_000 + b"\0" * 200_000)
        reader.join(5)
    assert received == [b"request" * 400_000 + b"\0" * 200_000]


def test_bytes_that_were_pushed_back_are_read_first() -> None:
    """The next reader gets the bytes that the codec pushed back. Until then the connection is not silent."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        wrapped = DeadlineSocket(ours, server="x", read_timeout=1, deadline=Deadline(1, time.monotonic))
        theirs.sendall(b"answer")
        wrapped.push_back(wrapped.recv(6))
        assert not wrapped.is_silent()
        assert [wrapped.recv(4), wrapped.recv(4)] == [b"answ", b"er"]
        assert wrapped.is_silent()
        theirs.close()
        assert not wrapped.is_silent()


def test_tls_session_tickets_do_not_break_the_silence() -> None:
    """Session tickets belong to TLS (RFC 8446, 4.6.1); buffered data of the server does not."""
    authority, theirs_context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(theirs_context)
    ours_context = ssl.create_default_context()
    authority.configure_trust(ours_context)
    ours, theirs = socket.socketpair()
    accepted: list[ssl.SSLSocket] = []
    accepting = threading.Thread(
        target=lambda: accepted.append(theirs_context.wrap_socket(theirs, server_side=True))
    )
    accepting.start()
    deadline = Deadline(5, time.monotonic)
    with secure(ours, ours_context, host="localhost", timeout=5, deadline=deadline) as secured:
        accepting.join(5)
        wrapped = DeadlineSocket(secured, server="x", read_timeout=1, deadline=deadline)
        assert select.select([secured], [], [], 5)[0]
        assert wrapped.is_silent()
        accepted[0].sendall(b"answer")
        assert wrapped.recv(4) == b"answ"
        assert not wrapped.is_silent()
        assert wrapped.recv(4) == b"er"
        assert wrapped.is_silent()
        accepted[0].close()
        assert not wrapped.is_silent()
