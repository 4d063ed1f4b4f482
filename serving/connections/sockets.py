"""The connections of this process, as Linux shows them.

granian does not list its connections. The kernel does: `/proc/self/fd` has every socket, and TCP_INFO has the
times since a socket last received and sent data.
"""

import os
import socket
import stat
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_SOCKETS = "/proc/self/fd"
# struct tcp_info in linux/tcp.h: tcpi_last_data_sent and tcpi_last_data_recv (milliseconds ago),
# tcpi_bytes_received, and tcpi_data_segs_out.
_TCP_INFO = struct.Struct("=44xI4xI72xQ20xI")
_LISTEN = 10
_MILLISECONDS = 1000


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection at the time of an inspection.

    - `identity`: the socket's inode, which is unique on the machine while the socket is open.
    - `received`: bytes that came in.
    - `since_received`, `since_sent`: seconds since the last data, or since the connection was opened.
    """

    identity: int
    descriptor: int
    address: str
    received: int
    has_sent: bool
    since_received: float
    since_sent: float


class Sockets:
    """The connections that clients have to one port of this process."""

    def __init__(self, port: int) -> None:
        self._port = port
        # The client's address of each socket; None for sockets that are not clients' connections.
        self._addresses: dict[int, str | None] = {}

    @staticmethod
    def are_visible() -> bool:
        """Whether this system shows its connections: Linux does, from version 4.6."""
        if not (hasattr(socket, "TCP_INFO") and Path(_SOCKETS).is_dir()):
            return False
        with socket.socket() as probe:
            return len(_tcp_info(probe)) >= _TCP_INFO.size

    def look(self) -> list[Connection]:
        """List every connection that is open now."""
        found, addresses = [], {}
        for name in os.listdir(_SOCKETS):  # noqa: PTH208 - read once a second
            descriptor = int(name)
            # The HTTP server may close a connection in the meantime.
            with suppress(OSError):
                status = os.fstat(descriptor)
                if not stat.S_ISSOCK(status.st_mode):
                    continue
                address = self._address(status.st_ino, descriptor)
                addresses[status.st_ino] = address
                if address is not None:
                    found.append(_read(status.st_ino, descriptor, address))
        self._addresses = addresses
        return found

    def end(self, seen: Connection) -> bool:
        """Shut a connection down, unless it has received data since it was listed.

        Returns:
            Whether it was shut down.
        """
        try:
            # The HTTP server may close the descriptor at any time, and its number is then reused.
            descriptor = os.dup(seen.descriptor)
        except OSError:
            return False
        with socket.socket(fileno=descriptor) as own, suppress(OSError):
            now = _read(os.fstat(descriptor).st_ino, descriptor, seen.address)
            if (now.identity, now.received) == (seen.identity, seen.received):
                own.shutdown(socket.SHUT_RDWR)
                return True
        return False

    def _address(self, identity: int, descriptor: int) -> str | None:
        if identity in self._addresses:
            return self._addresses[identity]
        # Python parses an address by the family of the object. Without an explicit one, it asks the kernel.
        borrowed = socket.socket(fileno=descriptor)
        try:
            here = borrowed.getsockname()
            if not isinstance(here, tuple) or here[1] != self._port or _tcp_info(borrowed)[0] == _LISTEN:
                return None
            address: str = borrowed.getpeername()[0]
            return address
        finally:
            borrowed.detach()


def _read(identity: int, descriptor: int, address: str) -> Connection:
    borrowed = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=descriptor)
    try:
        info = _tcp_info(borrowed)
    finally:
        borrowed.detach()
    sent, got, received, segments = _TCP_INFO.unpack_from(info)
    return Connection(
        identity, descriptor, address, received, segments > 0, got / _MILLISECONDS, sent / _MILLISECONDS
    )


def _tcp_info(connection: socket.socket) -> bytes:
    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
