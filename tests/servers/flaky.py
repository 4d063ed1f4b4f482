"""A network in front of a server that loses connections at random.

Owns: forwarding bytes in both directions, and breaking a connection at a chunk. Must not know: LDAP, and what
is tested.
"""

import contextlib
import random
import select
import socket
import struct
import threading
from collections.abc import Callable
from typing import Self

_NO_LINGER = struct.pack("ii", 1, 0)
_TIMEOUT = 5.0
# The share of broken connections that are reset; the others end in the middle of a chunk.
_RESET_SHARE = 0.5


class FlakyNetwork:
    """Forwards chunks to `port` of this machine.

    `connections` is the share of new connections that are reset at once. `chunks` is the share of chunks, in
    either direction, that end their connection: by a reset, or after half of the chunk. Both may be changed
    while it runs. `struck` counts the connections that it broke.
    """

    def __init__(self, port: int, *, seed: int = 0) -> None:
        self.connections = 0.0
        self.chunks = 0.0
        self.struck = 0
        self._upstream = port
        self._random = random.Random(seed)  # noqa: S311 - chance that a test can repeat
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.uri = f"ldap://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._run(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(_TIMEOUT)

    def _run(self, target: Callable[..., None], *arguments: socket.socket) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                self._run(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            if self._strikes(self.connections):
                _reset(client)
                return
            with socket.create_connection(("127.0.0.1", self._upstream)) as server:
                server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while True:
                    for source in select.select([client, server], [], [])[0]:
                        if not self._forward(source, server if source is client else client, client):
                            return

    def _forward(self, source: socket.socket, target: socket.socket, client: socket.socket) -> bool:
        """Forward one chunk; return whether the connection stays open."""
        chunk = source.recv(65536)
        if not chunk:
            return False
        if not self._strikes(self.chunks):
            target.sendall(chunk)
            return True
        if self._random.random() < _RESET_SHARE:
            _reset(client)
        else:
            target.sendall(chunk[: len(chunk) // 2])
        return False

    def _strikes(self, probability: float) -> bool:
        strikes = self._random.random() < probability
        self.struck += strikes
        return strikes


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
