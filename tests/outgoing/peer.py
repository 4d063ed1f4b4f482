"""A server on loopback to which outgoing requests go: real TLS, and an answer that a test writes by hand."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import trustme

NAME = "rp.example.edu"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Answer = bytes | Callable[[ssl.SSLSocket, threading.Event], None]


class Peer:
    """A TLS server that answers each request in the same way, and keeps what it received."""

    def __init__(self, authority: trustme.CA, answer: Answer = OK, *, name: str = NAME) -> None:
        """Listen on a free port of 127.0.0.1.

        Args:
            authority: Signs the certificate.
            answer: The octets of every answer, or a function that writes it; its event ends with the server.
            name: The name in the certificate.
        """
        self.answer = answer
        self.received: list[bytes] = []
        self.server_names: list[str | None] = []
        self.connections = 0
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(self._context)
        self._context.sni_callback = lambda _socket, name, _context: self.server_names.append(name)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []
        self._start(self._serve)

    def url(self, path: str = "/logout", name: str = NAME) -> str:
        """The URL of a path on this server."""
        return f"https://{name}:{self.port}{path}"

    def resolve(self, _host: str, port: int) -> Sequence[tuple[int, Any]]:
        """Resolve every name to this server."""
        return [(socket.AF_INET, ("127.0.0.1", port))]

    def close(self) -> None:
        """Stop, and wait for every connection to end."""
        self._ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _start(self, action: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=action, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        while True:
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._start(self._answer, raw)

    def _answer(self, raw: socket.socket) -> None:
        raw.settimeout(10)
        with raw, suppress(OSError), self._context.wrap_socket(raw, server_side=True) as secured:
            self.received.append(_request(secured))
            if callable(self.answer):
                self.answer(secured, self._ended)
            else:
                secured.sendall(self.answer)


@contextmanager
def peer(authority: trustme.CA, answer: Answer = OK, *, name: str = NAME) -> Iterator[Peer]:
    """Run a server; the arguments are those of `Peer`."""
    server = Peer(authority, answer, name=name)
    try:
        yield server
    finally:
        server.close()


def trust(authority: trustme.CA, folder: Path) -> Path:
    """Write the authority's certificate into a file.

    Args:
        authority: The authority.
        folder: Where the file goes.
    """
    path = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def _request(secured: ssl.SSLSocket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        part = secured.recv(4096)
        if not part:
            return received
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(
        (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    while len(body) < length and (part := secured.recv(4096)):
        body += part
    return head + b"\r\n\r\n" + body
