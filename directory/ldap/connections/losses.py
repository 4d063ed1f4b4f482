"""Connections that are lost in a row, and when that is held against their server.

Owns: how many quick losses a server may have before it is left alone. Must not know: what is said on the
connections.
"""

import threading
from typing import Final

from directory.contract import DirectoryUnavailable
from directory.ldap.connections.servers import Servers

# Losses in a row: one may be the network's. While another server is good, the second one leads there.
_LOSSES_AMONG_SEVERAL: Final = 2
# The only good server is left alone late: a quick loss holds no thread, and there is nowhere else to go.
_LOSSES_ALONE: Final = 10


class Losses:
    """Counts quick losses of connections for one purpose, until one of them is answered on."""

    __slots__ = ("_in_a_row", "_lock", "_servers")

    def __init__(self, servers: Servers) -> None:
        """Know of no loss yet.

        Args:
            servers: are told when a server has lost too many.
        """
        self._servers = servers
        self._in_a_row: dict[str, int] = {}
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        return bool(self._in_a_row)

    def lost(self, uri: str, epoch: int, failure: DirectoryUnavailable) -> None:
        """Count a loss, and leave the server alone if it is one too many.

        Args:
            uri: the server.
            epoch: under which the connection was opened; an older one is no news.
            failure: what happened.
        """
        if self._servers.epoch(uri) != epoch:
            return
        with self._lock:
            losses = self._in_a_row[uri] = self._in_a_row.get(uri, 0) + 1
        if losses >= (_LOSSES_AMONG_SEVERAL if self._servers.are_several() else _LOSSES_ALONE):
            self.answered(uri)
            self._servers.failed(uri, epoch, failure, probe_now=True)

    def answered(self, uri: str) -> None:
        """Forget the losses of a server that has answered."""
        with self._lock:
            self._in_a_row.pop(uri, None)
