"""Outgoing requests over real TLS: names, certificates, deadlines, and what is read of an answer."""

import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import trustme

from outgoing import OutgoingClient, OutgoingFailed
from outgoing.client import BODY_LIMIT
from tests.outgoing.peer import NAME, Peer, peer, trust

# Long enough for a loaded machine; an answer arrives in milliseconds.
SECONDS = 10.0
Open = Callable[..., OutgoingClient]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """The authority that signs the certificates of the test's servers."""
    return trustme.CA()


@pytest.fixture
def opened(authority: trustme.CA, tmp_path: Path) -> Open:
    """Make a client that trusts the test's authority, and resolves names as the test says."""

    def make(resolve: Callable[[str, int], Sequence[tuple[int, Any]]], **changed: Any) -> OutgoingClient:
        usual = {"ca_file": trust(authority, tmp_path), "seconds": SECONDS, "allow_private": True}
        return OutgoingClient(**{**usual, **changed}, resolve=resolve)

    return make


def test_form_is_sent_and_the_answer_read(authority: trustme.CA, opened: Open) -> None:
    """A form is posted with its length and the host of the URL, and the answer comes back."""
    with peer(authority) as server:
        answer = opened(server.resolve).post_form(server.url("/a?b=c"), {"logout_token": "x y&z"})
    assert (answer.status, answer.body, answer.is_whole) == (200, b"ok", True)
    head, _, body = server.received[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /a?b=c HTTP/1.1\r\n")
    assert f"\r\nHost: {NAME}:{server.port}\r\n".encode() in head
    assert b"\r\nContent-Type: application/x-www-form-urlencoded\r\n" in head
    assert body == b"logout_token=x+y%26z"
    assert server.server_names == [NAME]


def test_document_is_read(authority: trustme.CA, opened: Open) -> None:
    """A document is read by GET."""
    with peer(authority) as server:
        assert opened(server.resolve).get(server.url("/jwks")).body == b"ok"
    assert server.received[0].startswith(b"GET /jwks HTTP/1.1\r\n")


def test_certificate_of_another_name_is_refused(authority: trustme.CA, opened: Open) -> None:
    """The certificate must name the host of the URL, although the connection goes to an address."""
    with peer(authority, name="other.example.edu") as server:
        with pytest.raises(OutgoingFailed, match="certificate"):
            opened(server.resolve).get(server.url())
        assert server.received == []


def test_unknown_authority_is_refused(opened: Open) -> None:
    """Only the authorities of the file are trusted."""
    with peer(trustme.CA()) as server:
        with pytest.raises(OutgoingFailed, match="certificate"):
            opened(server.resolve).get(server.url())
        assert server.received == []


def test_system_store_does_not_trust_the_test(authority: trustme.CA, opened: Open) -> None:
    """Without a file the system's store decides."""
    with peer(authority) as server, pytest.raises(OutgoingFailed, match="certificate"):
        opened(server.resolve, ca_file=None).get(server.url())


def test_private_address_is_refused_before_a_connection(authority: trustme.CA, opened: Open) -> None:
    """Without the operator's consent, nothing is sent to loopback, not even the start of a handshake."""
    with peer(authority) as server, pytest.raises(OutgoingFailed, match="refused: loopback"):
        opened(server.resolve, allow_private=False).get(server.url())
    assert server.connections == 0


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "2130706433", "127.1", "[::1]", "[::ffff:127.0.0.1]", "localhost"]
)
def test_literal_address_is_refused(authority: trustme.CA, tmp_path: Path, host: str) -> None:
    """An address in the URL is checked too, in each form that the system's resolver reads."""
    client = OutgoingClient(ca_file=trust(authority, tmp_path), seconds=SECONDS, allow_private=False)
    unusable = pytest.raises(OutgoingFailed, match=r"refused: loopback|cannot be resolved")
    with peer(authority) as server, unusable:
        client.get(f"https://{host}:{server.port}/")
    assert server.connections == 0


def test_one_private_address_refuses_the_name(authority: trustme.CA, opened: Open) -> None:
    """Every address is checked before the first connection, so a public one cannot hide a private one."""

    def mixed(_host: str, port: int) -> Sequence[tuple[int, Any]]:
        return [(socket.AF_INET, ("8.8.8.8", port)), (socket.AF_INET, ("169.254.169.254", port))]

    with pytest.raises(OutgoingFailed, match="refused: link-local"):
        opened(mixed).get(f"https://{NAME}/")


def test_name_is_resolved_once(authority: trustme.CA, opened: Open) -> None:
    """The connection goes to the checked address, whatever a second look-up would say (DNS rebinding)."""
    asked: list[str] = []
    with peer(authority) as server:

        def rebinding(host: str, port: int) -> Sequence[tuple[int, Any]]:
            asked.append(host)
            return [(socket.AF_INET, ("127.0.0.1" if len(asked) == 1 else "169.254.169.254", port))]

        assert opened(rebinding).get(server.url()).status == 200
    assert asked == [NAME]


def test_next_address_is_tried(authority: trustme.CA, opened: Open) -> None:
    """An address at which nothing listens is passed over."""
    with peer(authority) as server:
        closed = socket.create_server(("127.0.0.1", 0))
        address = closed.getsockname()
        closed.close()
        two = [(socket.AF_INET, address), *server.resolve(NAME, server.port)]
        assert opened(lambda _host, _port: two).get(server.url()).status == 200


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(authority: trustme.CA, opened: Open, status: int) -> None:
    """A redirect is an answer like any other: its target is never asked."""
    with peer(authority) as server:
        location = server.url("/elsewhere").encode()
        server.answer = b"HTTP/1.1 %d X\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % (status, location)
        assert opened(server.resolve).post_form(server.url(), {}).status == status
    assert server.connections == 1


def test_long_body_is_cut(authority: trustme.CA, opened: Open) -> None:
    """No more of a body is kept than the limit, however much is sent."""

    def endless(secured: ssl.SSLSocket, ended: threading.Event) -> None:
        secured.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not ended.is_set():
            secured.sendall(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")

    with peer(authority, endless) as server:
        answer = opened(server.resolve).get(server.url())
        assert (answer.status, len(answer.body), answer.is_whole) == (200, BODY_LIMIT, False)


def test_long_head_is_refused(authority: trustme.CA, opened: Open) -> None:
    """A head without an end is given up."""

    def endless(secured: ssl.SSLSocket, ended: threading.Event) -> None:
        secured.sendall(b"HTTP/1.1 200 OK\r\n")
        while not ended.is_set():
            secured.sendall(b"X: " + b"x" * 1000 + b"\r\n")

    with peer(authority, endless) as server, pytest.raises(OutgoingFailed, match="not HTTP"):
        opened(server.resolve).get(server.url())


def _drip(first: bytes) -> Callable[[ssl.SSLSocket, threading.Event], None]:
    def answer(secured: ssl.SSLSocket, ended: threading.Event) -> None:
        secured.sendall(first)
        while not ended.wait(0.02):
            secured.sendall(b"1\r\nx\r\n" if b"\r\n\r\n" in first else b"x")

    return answer


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nX: ", id="head"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", id="body"),
    ],
)
def test_slow_answer_ends_at_the_deadline(authority: trustme.CA, opened: Open, first: bytes) -> None:
    """The deadline is of the whole request: an octet from time to time does not prolong it."""
    began = monotonic()
    with peer(authority, _drip(first)) as server, pytest.raises(OutgoingFailed, match="deadline"):
        opened(server.resolve, seconds=0.5).get(server.url())
    assert monotonic() - began < SECONDS


def test_silent_handshake_ends_at_the_deadline(opened: Open) -> None:
    """A server that accepts a connection and says nothing is given up."""
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(OutgoingFailed, match="deadline"):
        opened(lambda _host, _port: [(socket.AF_INET, silent.getsockname())], seconds=0.3).get(
            f"https://{NAME}/"
        )


def test_hanging_resolver_ends_at_the_deadline(opened: Open) -> None:
    """The system's resolver has no timeout, and does not hold the caller longer than the deadline."""
    ended = threading.Event()

    def hanging(_host: str, _port: int) -> Sequence[tuple[int, Any]]:
        ended.wait(SECONDS)
        return []

    with pytest.raises(OutgoingFailed, match="not resolved before the deadline"):
        opened(hanging, seconds=0.2).get(f"https://{NAME}/")
    ended.set()


def test_no_answer_is_a_failure(authority: trustme.CA, opened: Open) -> None:
    """A closed or refused connection, an unknown name and an answer that is not HTTP are failures."""
    with peer(authority, b"") as server, pytest.raises(OutgoingFailed, match="not HTTP"):
        opened(server.resolve).get(server.url())
    with peer(authority, b"SSH-2.0-OpenSSH\r\n") as server, pytest.raises(OutgoingFailed, match="not HTTP"):
        opened(server.resolve).get(server.url())
    with pytest.raises(OutgoingFailed, match="cannot be reached"):
        opened(server.resolve).get(server.url())
    with pytest.raises(OutgoingFailed, match="cannot be resolved"):
        opened(_unknown).get("https://missing.example.edu/")
    with pytest.raises(OutgoingFailed, match="no address"):
        opened(lambda _host, _port: []).get("https://missing.example.edu/")


def _unknown(_host: str, _port: int) -> Sequence[tuple[int, Any]]:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize(
    "url",
    [
        "http://rp.example.edu/",
        "ftp://rp.example.edu/",
        "https://",
        "https:///path",
        "https://user:secret@rp.example.edu/",
        "https://rp.example.edu:0/",
        "https://rp.example.edu:99999/",
        "https://rp.example.edu/ a",
        "https://rp.example.edu/\r\nX: y",
        "https://rp.exämple.edu/",
        "https://[::1",
        "rp.example.edu",
    ],
)
def test_other_urls_are_refused(opened: Open, url: str) -> None:
    """Only https, no user name, no control characters: nothing is resolved otherwise."""
    with pytest.raises(OutgoingFailed, match="not an https URL"):
        opened(lambda _host, _port: pytest.fail("was resolved")).get(url)


def test_failure_repeats_neither_path_nor_answer(authority: trustme.CA, opened: Open) -> None:
    """A cause is for the log, so it holds neither the query of the URL nor text of the other side."""
    with peer(authority, b"HTTP/1.1 hunter2\r\n\r\n") as server, pytest.raises(OutgoingFailed) as failed:
        opened(server.resolve).get(server.url("/?key=secret-of-the-url"))
    assert "hunter2" not in str(failed.value)
    assert "secret-of-the-url" not in str(failed.value)


def test_proxy_of_the_environment_is_not_used(
    authority: trustme.CA, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy would resolve the name itself, after the check."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with peer(authority) as server:
        assert opened(server.resolve).get(server.url()).status == 200


def test_peer_is_reached_by_many_threads(authority: trustme.CA, opened: Open) -> None:
    """One client serves concurrent requests, each with a connection of its own."""
    with peer(authority) as server:
        client, statuses = opened(server.resolve), []

        def read() -> None:
            statuses.append(client.get(server.url()).status)

        threads = [threading.Thread(target=read) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses == [200] * 8
    assert isinstance(server, Peer)
