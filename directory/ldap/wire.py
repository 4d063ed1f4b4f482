"""Sockets that keep the deadline.

Owns: resolving, connecting and every read and write on the way to a directory server, and what their failures
are called. Must not know: LDAP, TLS settings, people.
"""

import queue
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from typing import Any

from directory.contract import DirectoryUnavailable
from directory.ldap.deadline import Deadline
from directory.ldap.uri import ServerUri


class LinkLost(DirectoryUnavailable):
    """An open connection turned out to be dead. What was sent on it may have arrived, or not."""


class NothingSent(LinkLost):
    """An open connection turned out to be dead before anything of the request was taken by it."""


class TimedSocket:
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

    def begin(self, deadline: Deadline) -> None:
        """Begin another use of the connection, with a deadline of its own."""
        self.deadline = deadline
        self._sent = 0

    def recv(self, size: int) -> bytes:
        """Read up to `size` bytes.

        Raises:
            LinkLost: the server closed the connection.
            DirectoryUnavailable: nothing came in time.
        """
        if self._unread:
            received, self._unread = self._unread[:size], self._unread[size:]
            return received
        try:
            received = self._receive(size)
        except TimeoutError:
            raise self._too_slow() from None
        except OSError as error:
            raise LinkLost(f"{self._server} broke the connection: {error}") from error
        if not received:
            raise LinkLost(f"{self._server} closed the connection")
        return received

    def unread(self, data: bytes) -> None:
        """Let what was received be received once more, by somebody else."""
        self._unread = data + self._unread

    def sendall(self, data: bytes) -> None:
        """Write all of `data`.

        Raises:
            NothingSent: the connection was dead already, and nothing else was sent in this use of it.
            LinkLost: the server closed the connection.
            DirectoryUnavailable: the server did not take it in time.
        """
        try:
            while data:
                taken = self._send(data)
                self._sent += taken
                data = data[taken:]
        except TimeoutError:
            raise self._too_slow() from None
        except OSError as error:
            loss = LinkLost if self._sent else NothingSent
            raise loss(f"{self._server} broke the connection: {error}") from error

    def is_silent(self) -> bool:
        """Say whether the connection is open and nothing waits to be read on it.

        Between two operations a server sends only its farewell (RFC 4511, section 4.4.1) or closes: either
        way the connection is dead, and it shows before anything was sent.
        """
        if self._unread:
            return False
        self.raw.settimeout(0)
        try:
            self.raw.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        return False

    def shutdown(self, how: int) -> None:
        """Shut the socket down, as ldap3 does before it closes one."""
        self.raw.shutdown(how)

    def close(self) -> None:
        """Close the socket."""
        self.raw.close()

    def _receive(self, size: int) -> bytes:
        self.raw.settimeout(self.deadline.within(self._read_timeout))
        return self.raw.recv(size)

    def _send(self, data: bytes) -> int:
        self.raw.settimeout(self.deadline.within(self._read_timeout))
        return self.raw.send(data)

    def _too_slow(self) -> DirectoryUnavailable:
        return DirectoryUnavailable(f"{self._server} did not answer in time (NETID_LDAP_READ_TIMEOUT)")


class PlainSocket(TimedSocket):
    """The same without TLS, in three system calls for an exchange in place of eight.

    At each of them a thread lets go of Python's lock, and must wait for it again behind the others. The
    kernel ends a wait for an answer by itself (socket(7), `SO_RCVTIMEO`).
    """

    def __init__(self, raw: socket.socket, *, server: str, read_timeout: float, deadline: Deadline) -> None:
        super().__init__(raw, server=server, read_timeout=read_timeout, deadline=deadline)
        raw.settimeout(None)
        self._patience = 0.0
        self._news = select.poll()
        self._news.register(raw, select.POLLIN)

    def is_silent(self) -> bool:
        """Say whether the connection is open and nothing waits to be read on it."""
        return not self._unread and not self._news.poll(0)

    def _receive(self, size: int) -> bytes:
        patience = self.deadline.within(self._read_timeout)
        # Most are the whole read timeout, and set already.
        if patience != self._patience:
            whole, part = divmod(patience, 1)
            # A timeval (setsockopt(2)). Half a microsecond would be 0, and that is for ever.
            timeval = struct.pack("@ll", int(whole), int(part * 1_000_000) or 1)
            self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
            self._patience = patience
        try:
            return self.raw.recv(size)
        except BlockingIOError:
            raise TimeoutError from None

    def _send(self, data: bytes) -> int:
        while True:
            try:
                return self.raw.send(data, socket.MSG_DONTWAIT)
            except BlockingIOError:
                room = select.poll()
                room.register(self.raw, select.POLLOUT)
                if not room.poll(self.deadline.within(self._read_timeout) * 1000):
                    raise TimeoutError from None


def dial(uri: ServerUri, *, connect_timeout: float, deadline: Deadline) -> socket.socket:
    """Connect to a server, trying each of its addresses in turn.

    Args:
        uri: which server.
        connect_timeout: seconds for the name, and again for each address.
        deadline: of the login that needs the connection.

    Raises:
        DirectoryUnavailable: no address answered in time.
    """
    failures = []
    for family, address in resolve(uri, connect_timeout=connect_timeout, deadline=deadline):
        try:
            raw = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:  # a family that the kernel does not know, or no descriptor left
            failures.append(str(error))
            continue
        try:
            raw.settimeout(deadline.within(connect_timeout))
            raw.connect(address)
            if family != socket.AF_UNIX:
                # Without it each bind over TLS 1.3 waits 40 ms for a delayed acknowledgement.
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            raw.close()
            failures.append(str(error))
        except BaseException:
            raw.close()
            raise
        else:
            return raw
    raise DirectoryUnavailable(f"{uri.text} cannot be reached: {'; '.join(failures)}")


def resolve(uri: ServerUri, *, connect_timeout: float, deadline: Deadline) -> list[tuple[int, Any]]:
    """Resolve a server's host, in a thread of its own, since the system's resolver knows no time limit.

    Args:
        uri: which server.
        connect_timeout: seconds for the name.
        deadline: of the login that needs it.

    Returns:
        Socket families and addresses, in the order in which to try them.

    Raises:
        DirectoryUnavailable: no such name, or no answer in time.
    """
    if uri.scheme == "ldapi":
        return [(socket.AF_UNIX, uri.host)]
    answers: queue.SimpleQueue[list[tuple[int, Any]] | Exception] = queue.SimpleQueue()

    def ask(flags: int) -> None:
        try:
            found = socket.getaddrinfo(uri.host, uri.port, type=socket.SOCK_STREAM, flags=flags)
            answers.put([(family, address) for family, _, _, _, address in found])
        except (OSError, UnicodeError) as error:
            answers.put(error)

    ask(socket.AI_NUMERICHOST)
    answer = answers.get()
    if isinstance(answer, Exception):  # a name, not an address
        _in_a_thread(lambda: ask(0), f"resolve {uri.host}")
        try:
            answer = answers.get(timeout=deadline.within(connect_timeout))
        except queue.Empty:
            raise DirectoryUnavailable(f"the name {uri.host} was not resolved in time") from None
    if isinstance(answer, Exception):
        raise DirectoryUnavailable(f"the name {uri.host} cannot be resolved: {answer}")
    return answer


def _in_a_thread(action: Callable[[], None], name: str) -> None:
    try:
        threading.Thread(target=action, name=name, daemon=True).start()
    except RuntimeError as error:
        raise DirectoryUnavailable(f"no thread could be started to {name}: {error}") from error
