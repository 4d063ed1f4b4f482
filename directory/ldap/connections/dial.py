"""Opens a socket to a directory server within the deadline.

Owns: resolving the host name, connecting, and the errors of both. Must not know: LDAP, TLS, people.
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
    """No server listens, or a device on the way resets new connections."""


def dial(uri: ServerUri, *, connect_timeout: float, deadline: Deadline) -> socket.socket:
    """Connect to a server, trying each of its addresses in turn.

    Args:
        uri: the server.
        connect_timeout: seconds to resolve the name, and again for each address.
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
        except OSError as error:  # the kernel lacks the address family, or no descriptor is left
            failures.append(str(error))
            kind = DirectoryUnavailable
            continue
        try:
            raw.settimeout(deadline.within(connect_timeout))
            raw.connect(address)
            if family != socket.AF_UNIX:
                # Otherwise each bind over TLS 1.3 waits 40 ms for a delayed acknowledgement.
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
    """Resolve a server's host name in a separate thread, since the system's resolver has no timeout.

    Args:
        uri: the server.
        connect_timeout: seconds to resolve the name.
        deadline: of the login that needs the address.

    Returns:
        Socket families and addresses, in the order in which to try them.

    Raises:
        DirectoryUnavailable: the name does not exist, or the resolver did not answer in time.
    """
    if uri.scheme == "ldapi":
        return [(socket.AF_UNIX, uri.host)]
    answers: queue.SimpleQueue[list[tuple[int, Any]] | Exception] = queue.SimpleQueue()

    def look_up(flags: int) -> None:
        try:
            addresses = socket.getaddrinfo(uri.host, uri.port, type=socket.SOCK_STREAM, flags=flags)
            answers.put([(family, address) for family, _, _, _, address in addresses])
        except (OSError, UnicodeError) as error:
            answers.put(error)

    look_up(socket.AI_NUMERICHOST)
    answer = answers.get()
    if isinstance(answer, Exception):  # the host is a name, not an address
        _start_thread(lambda: look_up(0), f"resolve {uri.host}")
        try:
            answer = answers.get(timeout=deadline.within(connect_timeout))
        except queue.Empty:
            raise DirectoryUnavailable(f"the name {uri.host} was not resolved in time") from None
    if isinstance(answer, Exception):
        raise DirectoryUnavailable(f"the name {uri.host} cannot be resolved: {answer}")
    return answer


def _start_thread(action: Callable[[], None], name: str) -> None:
    try:
        threading.Thread(target=action, name=name, daemon=True).start()
    except RuntimeError as error:
        raise DirectoryUnavailable(f"no thread could be started to {name}: {error}") from error
