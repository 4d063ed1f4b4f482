"""Sockets that keep the login's deadline.

Owns: every read and write on an open connection to a directory server, and the names of their failures. Must
not know: LDAP, TLS settings, people, and how a connection is opened (`dial`).
"""

import select
import socket
import ssl
from collections.abc import Callable

from directory.contract import DirectoryUnavailable
from directory.ldap.connections.deadline import Deadline


class ConnectionLost(DirectoryUnavailable):
    """An open connection turned out to be dead. The server may have received what was sent on it."""


class NothingSent(ConnectionLost):
    """An open connection turned out to be dead before it accepted any byte of the request."""


class DeadlineSocket:
    """The socket that ldap3 and our codec use: each wait ends with the read timeout or the login's deadline.

    ldap3's own `receive_timeout` starts again with each read, so a server that sends single bytes holds a
    login for minutes. It also takes whole seconds only.
    """

    def __init__(self, raw: socket.socket, *, server: str, read_timeout: float, deadline: Deadline) -> None:
        self.raw = raw
        self.deadline = deadline
        self._server = server
        self._read_timeout = read_timeout
        self._sent = 0
        self._pushed_back = b""
        self._timeout = 0.0
        self._readable = select.poll()
        self._readable.register(raw, select.POLLIN)
        # How many decrypted bytes TLS holds that were not read yet.
        self._pending: Callable[[], int] = getattr(raw, "pending", int)

    def set_deadline(self, deadline: Deadline) -> None:
        """Start another use of the connection, with its own deadline."""
        self.deadline = deadline
        self._sent = 0

    def recv(self, size: int) -> bytes:
        """Read up to `size` bytes.

        Raises:
            ConnectionLost: the server closed the connection.
            DirectoryUnavailable: the server sent nothing in time.
        """
        if self._pushed_back:
            received, self._pushed_back = self._pushed_back[:size], self._pushed_back[size:]
            return received
        try:
            self._set_timeout()
            received = self.raw.recv(size)
        except TimeoutError:
            raise self._too_slow() from None
        except OSError as error:
            raise ConnectionLost(f"{self._server} broke the connection: {error}") from error
        if not received:
            raise ConnectionLost(f"{self._server} closed the connection")
        return received

    def push_back(self, data: bytes) -> None:
        """Return received bytes to the socket, so that another reader receives them again."""
        self._pushed_back = data + self._pushed_back

    def sendall(self, data: bytes) -> None:
        """Write all of `data`.

        Raises:
            NothingSent: the connection was dead, and this use of it has sent nothing.
            ConnectionLost: the server closed the connection.
            DirectoryUnavailable: the server did not accept the data in time.
        """
        try:
            while data:
                self._set_timeout()
                sent = self.raw.send(data)
                self._sent += sent
                data = data[sent:]
        except TimeoutError:
            raise self._too_slow() from None
        except OSError as error:
            loss = ConnectionLost if self._sent else NothingSent
            raise loss(f"{self._server} broke the connection: {error}") from error

    def is_silent(self) -> bool:
        """Return whether the connection is open and holds no unread data.

        Between two operations a server sends only a notice of disconnection (RFC 4511, section 4.4.1), or
        closes. In both cases the connection is dead, and this shows it before anything is sent.
        """
        if self._pushed_back or self._pending():
            return False
        if not self._readable.poll(0):
            return True
        # The data may belong to TLS itself, such as a session ticket (RFC 8446, section 4.6.1).
        self.raw.settimeout(0)
        self._timeout = 0.0
        try:
            self.raw.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        return False

    @property
    def is_encrypted(self) -> bool:
        """Whether TLS protects the socket."""
        return isinstance(self.raw, ssl.SSLSocket)

    def shutdown(self, how: int) -> None:
        """Shut the socket down; ldap3 calls this before it closes one."""
        self.raw.shutdown(how)

    def close(self) -> None:
        """Close the socket."""
        self.raw.close()

    def _set_timeout(self) -> None:
        timeout = self.deadline.within(self._read_timeout)
        # Usually the whole read timeout, which the socket has already.
        if timeout != self._timeout:
            self.raw.settimeout(timeout)
            self._timeout = timeout

    def _too_slow(self) -> DirectoryUnavailable:
        return DirectoryUnavailable(f"{self._server} did not answer in time (NETID_LDAP_READ_TIMEOUT)")
