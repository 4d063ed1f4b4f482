"""Reaching a server: names, addresses and sockets."""

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


def test_unresolvable_name(opened: Callable[..., Directory]) -> None:
    """A name that does not resolve is unavailable, with the name in the cause."""
    directory = opened(uris=("ldap://directory.invalid",), user_base="dc=x")
    with pytest.raises(DirectoryUnavailable, match=r"directory\.invalid"):
        directory.ping()


def test_hung_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that hangs costs the connect timeout, since it is waited for from outside."""
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


def test_missing_unix_socket(opened: Callable[..., Directory], tmp_path: Path) -> None:
    """A socket that is not there is unavailable, with its path in the cause."""
    path = str(tmp_path / "none").replace("/", "%2F")
    with pytest.raises(DirectoryUnavailable, match="cannot be reached"):
        opened(uris=(f"ldapi://{path}",), user_base="dc=x").ping()


def test_nagle_is_off() -> None:
    """TCP_NODELAY is set: without it a bind over TLS 1.3 waits 40 ms for an acknowledgement."""
    with Scripted() as server:
        raw = dial(ServerUri.parse(server.uri), connect_timeout=1, deadline=Deadline(1, time.monotonic))
        with raw:
            assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_family_that_the_kernel_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host's address of a family without support is passed over, and the next one is tried."""
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


def test_server_that_takes_nothing_more() -> None:
    """A request that the server does not take ends with the read timeout, as an answer does."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        wrapped = DeadlineSocket(ours, server="x", read_timeout=0.1, deadline=Deadline(5, time.monotonic))
        began = time.monotonic()
        with pytest.raises(DirectoryUnavailable, match="did not answer in time"):
            wrapped.sendall(b"\0" * 10_000_000)
        assert 0.1 <= time.monotonic() - began < 1


def test_answer_is_waited_for_until_the_nearer_of_two_ends() -> None:
    """An answer that does not come ends with the read timeout, or with a deadline that is nearer."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        wrapped = DeadlineSocket(ours, server="x", read_timeout=0.3, deadline=Deadline(5, time.monotonic))
        for deadline, seconds in ((0.1, 0.1), (5, 0.3), (0.2, 0.2)):
            wrapped.set_deadline(Deadline(deadline, time.monotonic))
            began = time.monotonic()
            with pytest.raises(DirectoryUnavailable, match="did not answer in time"):
                wrapped.recv(1)
            assert seconds - 0.01 <= time.monotonic() - began < seconds + 0.1


def test_large_request_is_sent_whole() -> None:
    """One that the server takes in several parts arrives as it is."""
    ours, theirs = socket.socketpair()
    received = []
    with ours, theirs:
        reader = threading.Thread(target=lambda: received.append(theirs.makefile("rb").read(3_000_000)))
        reader.start()
        wrapped = DeadlineSocket(ours, server="x", read_timeout=5, deadline=Deadline(5, time.monotonic))
        wrapped.sendall(b"request" * 400_000 + b"\0" * 200_000)
        reader.join(5)
    assert received == [b"request" * 400_000 + b"\0" * 200_000]


def test_what_was_unread_comes_first() -> None:
    """Who reads after the codec reads the same bytes; while some are left the connection is not silent."""
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


def test_silence_over_tls() -> None:
    """Tickets are of TLS (RFC 8446, 4.6.1), not of the server; what TLS holds back is, and so is the end."""
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
