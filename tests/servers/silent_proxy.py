"""A proxy in front of a database that can drop every response.

Owns: one fault, a response that never arrives. Must not know: what the octets mean.
"""

import contextlib
import socket
import threading
from typing import Self


class SilentProxy:
    """Listens on its own port, and forwards everything to `port` of this machine, in both directions.

    While `is_silent`, it drops the responses on all connections. Once a client has sent `marker`, it drops
    the responses on that connection; this happens once. The marker itself is forwarded.
    """

    def __init__(self, port: int) -> None:
        self.is_silent = False
        self.marker: bytes | None = None
        self._upstream = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening, and close every connection."""
        for each in [self._listener, *self._open]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._upstream))
                self._open += [client, server]
                is_lost = threading.Event()
                for target, pair in (
                    (self._to_server, (client, server)),
                    (self._to_client, (server, client)),
                ):
                    threading.Thread(target=target, args=(*pair, is_lost), daemon=True).start()

    def _to_server(self, client: socket.socket, server: socket.socket, is_lost: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while octets := client.recv(65_536):
                if self.marker is not None and self.marker in octets:
                    self.marker = None
                    is_lost.set()
                server.sendall(octets)
            server.shutdown(socket.SHUT_WR)

    def _to_client(self, server: socket.socket, client: socket.socket, is_lost: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while octets := server.recv(65_536):
                if not (self.is_silent or is_lost.is_set()):
                    client.sendall(octets)
            if not (self.is_silent or is_lost.is_set()):
                client.shutdown(socket.SHUT_WR)
