"""Connects to a host whose addresses were checked, and keeps one deadline for everything that follows.

Owns: that a name is resolved once, that every address of it is checked before the first connection, and that
no wait outlasts the deadline. Must not know: HTTP.

A name server that belongs to an attacker may answer with a public address when it is checked, and with a
private one when it is used (DNS rebinding). So the connection goes to the address that was checked.
"""

import queue
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, TypeVar

from httpcore import NetworkBackend, NetworkStream

from outgoing.addresses import refusal

_Result = TypeVar("_Result")

Resolve = Callable[[str, int], Sequence[tuple[int, Any]]]
"""Gives socket families and socket addresses of a host and a port."""


class OutgoingFailed(Exception):
    """There is no answer. The message names the cause for the log, and never a path or a query."""


class Deadline:
    """The moment at which a request has to be over."""

    def __init__(self, seconds: float) -> None:
        """Begin now.

        Args:
            seconds: How long everything may take together.
        """
        self._end = monotonic() + seconds

    def left(self) -> float:
        """Seconds that are left.

        Raises:
            OutgoingFailed: None are left.
        """
        seconds = self._end - monotonic()
        if seconds <= 0:
            raise OutgoingFailed("no answer before the deadline")
        return seconds


def system_addresses(host: str, port: int) -> Sequence[tuple[int, Any]]:
    """Ask the system's resolver.

    Args:
        host: A name or an address.
        port: A TCP port.

    Raises:
        OSError, UnicodeError: The name cannot be resolved.
    """
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in answers]


class CheckedNetwork(NetworkBackend):
    """Opens the connection of one request."""

    def __init__(self, deadline: Deadline, *, allow_private: bool, resolve: Resolve) -> None:
        """Connect to nothing yet.

        Args:
            deadline: Of the request.
            allow_private: Whether loopback and private addresses may be reached.
            resolve: Resolves a name.
        """
        self._deadline = deadline
        self._allow_private = allow_private
        self._resolve = resolve

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline counts
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> NetworkStream:
        """Connect to a host, trying each of its addresses in turn. The arguments are those of httpcore.

        Raises:
            OutgoingFailed: An address is refused, or none accepts a connection before the deadline.
        """
        addresses = self._addresses(host, port)
        failures = []
        for index, (family, address) in enumerate(addresses):
            share = self._deadline.left() / (len(addresses) - index)
            try:
                return _Stream(_connected(family, address, share), self._deadline)
            except OSError as error:
                failures.append(_cause(error))
        raise OutgoingFailed(f"{host} cannot be reached: {'; '.join(failures)}")

    def _addresses(self, host: str, port: int) -> Sequence[tuple[int, Any]]:
        """Every address of a host.

        Raises:
            OutgoingFailed: There is none, or one of them is refused.
        """
        addresses = self._resolved(host, port)
        for family, address in addresses:
            is_ip = family in {socket.AF_INET, socket.AF_INET6}
            reason = refusal(address[0], allow_private=self._allow_private) if is_ip else "not an IP address"
            if reason is not None:
                raise OutgoingFailed(f"{host} has an address that is refused: {reason}")
        if not addresses:
            raise OutgoingFailed(f"{host} has no address")
        return addresses

    def _resolved(self, host: str, port: int) -> Sequence[tuple[int, Any]]:
        """The answer of the resolver, which has no timeout of its own, so a thread waits for it."""
        answers: queue.SimpleQueue[Sequence[tuple[int, Any]] | Exception] = queue.SimpleQueue()

        def look_up() -> None:
            try:
                answers.put(self._resolve(host, port))
            except (OSError, UnicodeError) as error:
                answers.put(error)

        with suppress(RuntimeError):  # no thread can be started: nothing answers
            threading.Thread(target=look_up, name="resolve an outgoing name", daemon=True).start()
        try:
            answer = answers.get(timeout=self._deadline.left())
        except queue.Empty:
            raise OutgoingFailed(f"{host} was not resolved before the deadline") from None
        if isinstance(answer, Exception):
            raise OutgoingFailed(f"{host} cannot be resolved: {_cause(answer)}")
        return answer


class _Stream(NetworkStream):
    """A connection on which no wait outlasts the deadline. It owns its socket."""

    def __init__(self, raw: socket.socket, deadline: Deadline) -> None:
        self._socket = raw
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the deadline counts
        """Read what has arrived, waiting for the first octet."""
        return self._within("the connection broke", lambda: self._socket.recv(max_bytes))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        """Send everything."""
        self._within("the connection broke", lambda: self._socket.sendall(buffer))

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> NetworkStream:
        """Secure the connection. The certificate must be valid for the name, not for the address."""

        def secure() -> NetworkStream:
            # Without the handshake, so that a failure leaves one owner of the descriptor.
            wrapped = ssl_context.wrap_socket(
                self._socket, server_hostname=server_hostname, do_handshake_on_connect=False
            )
            self._socket = wrapped
            wrapped.settimeout(self._deadline.left())
            wrapped.do_handshake()
            return self

        try:
            return self._within("no TLS", secure)
        except BaseException:
            self.close()
            raise

    def get_extra_info(self, info: str) -> Any:  # noqa: ARG002
        """Nothing: httpcore asks whether an idle connection still works, and none is kept."""
        return None

    def _within(self, what: str, action: Callable[[], _Result]) -> _Result:
        self._socket.settimeout(self._deadline.left())
        try:
            return action()
        except ssl.SSLCertVerificationError as error:
            raise OutgoingFailed(f"the certificate is not accepted: {error.verify_message}") from None
        except TimeoutError:
            raise OutgoingFailed("no answer before the deadline") from None
        except (OSError, ValueError) as error:
            raise OutgoingFailed(f"{what}: {_cause(error)}") from None


def _connected(family: int, address: Any, seconds: float) -> socket.socket:
    raw = socket.socket(family, socket.SOCK_STREAM)
    try:
        raw.settimeout(seconds)
        raw.connect(address)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        raw.close()
        raise
    return raw


def _cause(error: Exception) -> str:
    """The cause, without what the other side may have written into it."""
    if isinstance(error, ssl.SSLError):
        return error.reason or "TLS error"
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else type(error).__name__
