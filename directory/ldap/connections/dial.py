"""Opening a socket to a directory server, in time.

Owns: resolving and connecting, and what their failures are called. Must not know: LDAP, TLS, people.
"""

import queue
import socket
import threading
from collections.abc import Callable
from typing import Any

from directory.contract import DirectoryUnavailable
from directory.ldap.connections.deadline import Deadline
from directory.ldap.connections.sockets import ConnectionLost
from directory.ldap.connections.uri import ServerUri


class ConnectionRefused(ConnectionLost):
    """No server listens, or something on the way resets new connections."""


def dial(uri: ServerUri, *, connect_timeout: float, deadline: Deadline) -> socket.socket:
    """Connect to a server, trying each of its addresses in turn.

    Args:
        uri: which server.
        connect_timeout: seconds for the name, and again for each address.
        deadline: of the login that needs the connection.

    Raises:
        ConnectionRefused: every address refused the connection, or reset it.
        DirectoryUnavailable: no address answered in time.
    """
    failures = []
    kind: type[DirectoryUnavailable] = ConnectionRefused
    for family, address in resolve(uri, connect_timeout=connect_timeout, deadline=deadline):
        try:
            raw = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:  # a family that the kernel does not know, or no descriptor left
            failures.append(str(error))
            kind = DirectoryUnavailable
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
            if not isinstance(error, ConnectionRefusedError | ConnectionResetError):
                kind = DirectoryUnavailable
        except BaseException:
            raw.close()
            raise
        else:
            return raw
    raise kind(f"{uri.text} cannot be reached: {'; '.join(failures)}")


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
