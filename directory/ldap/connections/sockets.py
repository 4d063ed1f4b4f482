"""Sockets that keep the deadline.

Owns: every read and write on an open connection to a directory server, and what their failures are called.
Must not know: LDAP, TLS settings, people, and how a connection is opened (`dialing`).
"""

import select
import socket
import ssl
from collections.abc import Callable

from directory.contract import DirectoryUnavailable
from directory.ldap.connections.deadline import Deadline


class ConnectionLost(DirectoryUnavailable):
    """An open connection turned out to be dead. What was sent on it may have arrived, or not."""


class NothingSent(ConnectionLost):
    """An open connection turned out to be dead before anything of the request was taken by it."""


class DeadlineSocket:
    """What ldap3 takes for its socket: each wait ends with the read timeout or the login's deadline.

    ldap3's own `receive_timeout` counts anew with each read, so a server that sends a byte now and then holds
    a login for minutes; and it takes whole seconds only.
    """

    def __init__(self, raw: socket.socket, *, server: str, read_timeout: float, deadline: Deadline) -> None:
        self.raw = raw
        self.deadline = deadline
        self._server = server
        self._read_timeout = read_timeout
        self._sent = 0
        self._unread = b""
        self._patience = 0.0
        self._news = select.poll()
        self._news.register(raw, select.POLLIN)
        # What TLS has read, and nobody has taken from it yet.
        self._held: Callable[[], int] = getattr(raw, "pending", int)

    def set_deadline(self, deadline: Deadline) -> None:
        """Begin another use of the connection, with a deadline of its own."""
        self.deadline = deadline
        self._sent = 0

    def recv(self, size: int) -> bytes:
        """Read up to `size` bytes.

        Raises:
            ConnectionLost: the server closed the connection.
            DirectoryUnavailable: nothing came in time.
        """
        if self._unread:
            received, self._unread = self._unread[:size], self._unread[size:]
            return received
        try:
            self._be_patient()
            received = self.raw.recv(size)
        except TimeoutError:
            raise self._too_slow() from None
        except OSError as error:
            raise ConnectionLost(f"{self._server} broke the connection: {error}") from error
        if not received:
            raise ConnectionLost(f"{self._server} closed the connection")
        return received

    def unread(self, data: bytes) -> None:
        """Let what was received be received once more, by somebody else."""
        self._unread = data + self._unread

    def sendall(self, data: bytes) -> None:
        """Write all of `data`.

        Raises:
            NothingSent: the connection was dead already, and nothing else was sent in this use of it.
            ConnectionLost: the server closed the connection.
            DirectoryUnavailable: the server did not take it in time.
        """
        try:
            while data:
                self._be_patient()
                taken = self.raw.send(data)
                self._sent += taken
                data = data[taken:]
        except TimeoutError:
            raise self._too_slow() from None
        except OSError as error:
            loss = ConnectionLost if self._sent else NothingSent
            raise loss(f"{self._server} broke the connection: {error}") from error

    def is_silent(self) -> bool:
        """Say whether the connection is open and nothing waits to be read on it.

        Between two operations a server sends only its farewell (RFC 4511, section 4.4.1) or closes: either
        way the connection is dead, and it shows before anything was sent.
        """
        if self._unread or self._held():
            return False
        if not self._news.poll(0):
            return True
        # Of TLS itself, perhaps, as its tickets are (RFC 8446, section 4.6.1).
        self.raw.settimeout(0)
        self._patience = 0.0
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
        """Shut the socket down, as ldap3 does before it closes one."""
        self.raw.shutdown(how)

    def close(self) -> None:
        """Close the socket."""
        self.raw.close()

    def _be_patient(self) -> None:
        patience = self.deadline.within(self._read_timeout)
        # Nearly always it is the whole read timeout, which is set already.
        if patience != self._patience:
            self.raw.settimeout(patience)
            self._patience = patience

    def _too_slow(self) -> DirectoryUnavailable:
        return DirectoryUnavailable(f"{self._server} did not answer in time (NETID_LDAP_READ_TIMEOUT)")
