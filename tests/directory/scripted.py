"""A directory server whose responses a test scripts byte by byte.

Owns: listening, reading LDAP requests, and building the few responses that tests need (RFC 4511, section 4).
Must not know: what is tested.
"""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Self

BIND, UNBIND, SEARCH, EXTENDED = 0x60, 0x42, 0x63, 0x77
_DONE = {BIND: 0x61, SEARCH: 0x65, EXTENDED: 0x78}

# A script gets the request's operation, its message id, and the request itself.
Script = Callable[[int, int, bytes], bytes | None]


def tlv(tag: int, *parts: bytes) -> bytes:
    """Encode a value in BER."""
    value = b"".join(parts)
    size = len(value)
    length = bytes([size]) if size < 0x80 else bytes([0x82]) + size.to_bytes(2, "big")
    return bytes([tag]) + length + value


def message(message_id: int, operation: bytes) -> bytes:
    """Put an operation into an LDAPMessage (RFC 4511, section 4.1.1)."""
    return tlv(0x30, tlv(0x02, message_id.to_bytes(4, "big")), operation)


def result(operation: int, message_id: int, code: int = 0, text: bytes = b"") -> bytes:
    """Make a response with a result code."""
    done = tlv(_DONE[operation], tlv(0x0A, bytes([code])), tlv(0x04), tlv(0x04, text))
    return message(message_id, done)


def entry(message_id: int, dn: bytes, attributes: dict[bytes, bytes]) -> bytes:
    """Make one entry of a search."""
    pairs = [tlv(0x30, tlv(0x04, name), tlv(0x31, tlv(0x04, value))) for name, value in attributes.items()]
    return message(message_id, tlv(0x64, tlv(0x04, dn), tlv(0x30, *pairs)))


def parts(request: bytes) -> tuple[int, int]:
    """Return the operation and the message id of a request."""
    # LDAPMessage: 30 len, 02 len id, operation. ldap3's ids fit one to four octets.
    start = 2 if request[1] < 0x80 else 2 + (request[1] & 0x7F)
    end = start + 2 + request[start + 1]
    return request[end], int.from_bytes(request[start + 2 : end], "big")


def alice(message_id: int) -> bytes:
    """Make a search response with the entry of alice, and success."""
    attributes = {b"uid": b"alice", b"entryUUID": b"00000000-0000-4000-8000-00000000000a"}
    return entry(message_id, b"uid=alice,dc=x", attributes) + result(SEARCH, message_id)


def friendly(operation: int, message_id: int, _request: bytes) -> bytes | None:
    """Answer every search with alice, and accept any password."""
    if operation == UNBIND:
        return None
    return alice(message_id) if operation == SEARCH else result(operation, message_id)


class Scripted:
    """Answers each request with the return value of `script`; None closes the connection.

    `received` holds every byte of every connection; `connections` counts them.
    """

    def __init__(self, script: Script = friendly) -> None:
        self.script = script
        self.received = b""
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    @property
    def uri(self) -> str:
        """The URI of the server."""
        return f"ldap://127.0.0.1:{self._listener.getsockname()[1]}"

    def send(self, connection: socket.socket, answer: bytes) -> None:
        """Send a response; subclasses override this."""
        connection.sendall(answer)

    def hang_up(self) -> None:
        """Close every connection, like a server that restarts."""
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def take_no_more(self) -> None:
        """Refuse new connections, and keep the open ones."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def __enter__(self) -> Self:
        self._run(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.take_no_more()
        self.hang_up()
        for thread in self._threads:
            thread.join(5)

    def _run(self, target: Callable[..., None], *arguments: socket.socket) -> None:
        self._threads.append(threading.Thread(target=target, args=arguments, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                self._run(self.serve, connection)

    def serve(self, connection: socket.socket) -> None:
        """Answer the requests of one connection; subclasses override this."""
        with connection, contextlib.suppress(OSError):
            while request := self.read_request(connection):
                answer = self.script(*parts(request), request)
                if answer is None:
                    return
                self.send(connection, answer)

    def read_request(self, connection: socket.socket) -> bytes:
        """Read one request, and record it."""
        request = connection.recv(65536)
        self.received += request
        return request


class Dripping(Scripted):
    """Sends a response one byte at a time, and never the last byte."""

    pause = 0.05

    def __init__(self, script: Script = friendly) -> None:
        super().__init__(script)
        self._over = threading.Event()

    def send(self, connection: socket.socket, answer: bytes) -> None:
        """Send all bytes except the last, slowly."""
        for byte in answer[:-1]:
            connection.sendall(bytes([byte]))
            if self._over.wait(self.pause):
                return
        self._over.wait(10)

    def __exit__(self, *_: object) -> None:
        self._over.set()
        super().__exit__()


class OverStartTls(Scripted):
    """Accepts StartTLS (RFC 4511, 4.14), and answers by the script over TLS."""

    def __init__(self, context: ssl.SSLContext, script: Script = friendly) -> None:
        super().__init__(script)
        self._context = context

    def serve(self, connection: socket.socket) -> None:
        """Answer StartTLS, then serve the connection over TLS."""
        with contextlib.suppress(OSError):
            request = connection.recv(65536)
            connection.sendall(result(*parts(request)))
            secured = self._context.wrap_socket(connection, server_side=True)
            self._open.append(secured)
            super().serve(secured)
