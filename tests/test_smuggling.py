"""Requests that two servers in a row could read differently, sent to the production server itself.

A request that is hidden in the body of another must never be answered (CVE-2018-1000164, CVE-2024-1135,
CVE-2024-6827).
"""

import shutil
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.servers.netid import Running, serving

pytestmark = pytest.mark.slow

HIDDEN = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


@pytest.fixture(scope="module")
def server(migrated_instance: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The production server, with nothing in front of it."""
    instance = tmp_path_factory.mktemp("smuggling") / "instance"
    shutil.copytree(migrated_instance, instance)
    with serving(instance, settings={"NETID_WORKERS": "1"}) as running:
        yield running


def answers(server: Running, request: bytes) -> bytes:
    """All that comes back on one connection."""
    got = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=2) as connection:
        connection.sendall(request)
        with suppress(OSError):
            while part := connection.recv(65536):
                got += part
    return got


def request(headers: bytes, body: bytes) -> bytes:
    """A token request with these headers."""
    return b"POST /oauth/token HTTP/1.1\r\nHost: x\r\n" + FORM + headers + b"\r\n" + body


@pytest.mark.parametrize(
    "sent",
    [
        request(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + HIDDEN),
        request(b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n" + HIDDEN),
        request(b"Content-Length: 0\r\nContent-Length: 36\r\n", HIDDEN),
        request(b"Content-Length: +36\r\n", HIDDEN),
        request(b"Content-Length: 36, 0\r\n", HIDDEN),
        request(b"Content-Length : 0\r\n", HIDDEN),
        request(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n" + HIDDEN),
        request(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", b"0\r\n\r\n" + HIDDEN),
        request(b"Transfer-Encoding: chunked\r\n", b"5;x\nabcde\r\n0\r\n\r\n" + HIDDEN),
        request(b"Transfer-Encoding: chunked\r\n", b"-1\r\nabc\r\n0\r\n\r\n" + HIDDEN),
        request(b"Transfer-Encoding: chunked\r\n", b"0x5\r\nabcde\r\n0\r\n\r\n" + HIDDEN),
        request(b"X: a\r\n Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", b""),
        request(b"X: a\rTransfer-Encoding: chunked\r\nContent-Length: 0\r\n", b""),
    ],
    ids=[
        "cl-te",
        "te-cl",
        "two-lengths",
        "plus",
        "list",
        "space-before-colon",
        "xchunked",
        "two-encodings",
        "bare-lf",
        "negative-chunk",
        "hexadecimal-prefix",
        "obs-fold",
        "bare-cr",
    ],
)
def test_hidden_request_is_not_answered(server: Running, sent: bytes) -> None:
    """An ambiguous request is refused, and its connection closed (RFC 9112, 6.3 and 5.2)."""
    got = answers(server, sent)
    assert b'"status": "ok"' not in got
    assert got.count(b"HTTP/1.1 ") <= 1
    assert not got or got.split(b" ", 2)[1] in {b"400", b"411", b"413", b"501"}


def test_two_plain_requests_get_two_answers(server: Running) -> None:
    """The search itself sees a second answer where there is one."""
    got = answers(
        server,
        request(b"Content-Length: 1\r\n", b"a")
        + HIDDEN.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
    )
    assert b'"status": "ok"' in got
    assert got.count(b"HTTP/1.1 ") == 2
