"""A proxy in front of an LDAP server that injects faults.

Owns: forwarding LDAP messages without TLS, and one fault at a time in one phase. Must not know: what is
tested.
"""

import contextlib
import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

BIND, SEARCH, EXTENDED = 0x60, 0x63, 0x77
_DONE = {BIND: 0x61, SEARCH: 0x65, EXTENDED: 0x78}
_TIMEOUT = 5.0
# With this option, close resets the connection and discards unsent data (`SO_LINGER` of 0 s).
_NO_LINGER = struct.pack("ii", 1, 0)


class Phase(StrEnum):
    """The phase of a login in which a fault occurs."""

    CONNECT = "connect"
    START_TLS = "start_tls"
    SERVICE_BIND = "service_bind"
    SEARCH = "search"
    PERSON_BIND = "person_bind"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    `kind` is `refuse` (no server listens), `reset`, `close`, `hang`, `delay` (by `seconds`), `drip` (one byte
    each `seconds`), `cut` (half of a response, then the end), `lose` (the request arrives, the response is
    lost), `garbage`, or `code` (`code` instead of the server's response). It occurs with `probability`.
    """

    kind: str
    phase: Phase = Phase.SEARCH
    code: int = 0
    seconds: float = 0.0
    probability: float = 1.0

    def __str__(self) -> str:
        """Return its name in a list of tests."""
        return f"{self.kind}{self.code or ''}-{self.phase}"


def read_message(connection: socket.socket) -> bytes:
    """Read one LDAPMessage (RFC 4511, section 4.1.1); return no bytes at the end of the stream."""
    head = _read(connection, 2)
    if len(head) < 2:
        return b""
    size = head[1]
    if size & 0x80:
        more = _read(connection, size & 0x7F)
        head, size = head + more, int.from_bytes(more, "big")
    return head + _read(connection, size)


def _read(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size and (more := connection.recv(size - len(received))):
        received += more
    return received


def parts(message: bytes) -> tuple[bytes, int]:
    """Return the encoded message id and the operation of an LDAPMessage."""
    start = 2 if message[1] < 0x80 else 2 + (message[1] & 0x7F)
    end = start + 2 + message[start + 1]
    return message[start:end], message[end]


class FaultProxy:
    """Listens on its own port, and forwards each message to `port` of this machine, unless a fault occurs.

    `fault` may be changed while it runs. `struck` counts the faults, and `person_binds` the users' binds that
    arrived here.
    """

    def __init__(self, port: int, *, service_dn: str, seed: int = 0) -> None:
        self.fault: Fault | None = None
        self.struck = 0
        self.person_binds = 0
        self._upstream = port
        self._service = service_dn.encode()
        self._random = random.Random(seed)  # noqa: S311 - chance that a test can repeat
        self._over = threading.Event()
        self._listener: socket.socket | None = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    @property
    def uri(self) -> str:
        """The URI of the proxy."""
        return f"ldap://127.0.0.1:{self.port}"

    @contextlib.contextmanager
    def breaking(self, fault: Fault) -> Iterator[None]:
        """Inject a fault during the block; close every open connection at its end."""
        if fault.kind == "refuse":
            self._stop_listening()
            self._close_all()
        self.fault, self.struck = fault, 0
        try:
            yield
        finally:
            self.fault = None
            self._over.set()
            self._close_all()
            self._over = threading.Event()
            if fault.kind == "refuse":
                self._listener = socket.create_server(("127.0.0.1", self.port))
                self._run(self._accept, self._listener)

    def __enter__(self) -> Self:
        assert self._listener is not None
        self._run(self._accept, self._listener)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._stop_listening()
        self._close_all()
        for thread in self._threads:
            thread.join(_TIMEOUT)

    def _run(self, target: Callable[..., None], *arguments: socket.socket) -> None:
        self._threads.append(threading.Thread(target=target, args=arguments, daemon=True))
        self._threads[-1].start()

    def _stop_listening(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _close_all(self) -> None:
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                self._open.append(connection)
                self._run(self._serve, connection)

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            # The end of this block ends a hanging connection; a later block has another event.
            over = self._over
            fault = self._strikes(Phase.CONNECT)
            if fault is not None and not self._break(client, fault, over, b"", None):
                return
            with socket.create_connection(("127.0.0.1", self._upstream)) as server:
                server.settimeout(_TIMEOUT)
                while request := read_message(client):
                    if not self._exchange(client, server, request, over):
                        return

    def _exchange(
        self, client: socket.socket, server: socket.socket, request: bytes, over: threading.Event
    ) -> bool:
        """Forward a request and its response, or inject the fault; return whether to go on."""
        _, operation = parts(request)
        if operation not in _DONE:
            server.sendall(request)
            return False
        phase = self._phase(operation, request)
        self.person_binds += phase is Phase.PERSON_BIND
        fault = self._strikes(phase)
        if fault is None:
            client.sendall(self._ask(server, request))
            return True
        return self._break(client, fault, over, request, server)

    def _phase(self, operation: int, request: bytes) -> Phase:
        if operation == BIND:
            return Phase.SERVICE_BIND if self._service in request else Phase.PERSON_BIND
        return Phase.SEARCH if operation == SEARCH else Phase.START_TLS

    def _strikes(self, phase: Phase) -> Fault | None:
        fault = self.fault
        if fault is None or fault.phase is not phase or self._random.random() >= fault.probability:
            return None
        self.struck += 1
        return fault

    def _break(
        self,
        client: socket.socket,
        fault: Fault,
        over: threading.Event,
        request: bytes,
        server: socket.socket | None,
    ) -> bool:
        """Inject a fault; return whether the connection stays open."""
        if fault.kind == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        elif fault.kind == "hang":
            over.wait(_TIMEOUT)
        elif fault.kind == "garbage":
            client.sendall(self._random.randbytes(40))
            over.wait(0.01)
        elif fault.kind == "delay":
            if over.wait(fault.seconds):
                return False
            if server is not None:
                client.sendall(self._ask(server, request))
            return True
        elif fault.kind == "code":
            client.sendall(answer(request, fault.code))
            return True
        elif server is not None:
            self._spoil(client, fault, self._ask(server, request), over)
        return False

    def _spoil(self, client: socket.socket, fault: Fault, whole: bytes, over: threading.Event) -> None:
        """Let the request arrive, and return only a part of the response."""
        if fault.kind == "cut":
            client.sendall(whole[: len(whole) // 2])
        elif fault.kind == "drip":
            for byte in whole:
                client.sendall(bytes([byte]))
                if over.wait(fault.seconds):
                    return

    def _ask(self, server: socket.socket, request: bytes) -> bytes:
        """Send a request to the server, and read its whole response: entries, references and the result."""
        _, operation = parts(request)
        server.sendall(request)
        whole = b""
        while message := read_message(server):
            whole += message
            if parts(message)[1] == _DONE[operation]:
                break
        return whole


def answer(request: bytes, code: int) -> bytes:
    """Make a response that holds only a result code (RFC 4511, section 4.1.9)."""
    message_id, operation = parts(request)
    result = bytes([_DONE[operation], 7, 0x0A, 1, code, 4, 0, 4, 0])
    body = message_id + result
    return bytes([0x30, len(body)]) + body
