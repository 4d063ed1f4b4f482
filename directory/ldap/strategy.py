"""ldap3's way of talking, over sockets of ours.

Owns: that ldap3 never opens a connection by itself, and sending what it did not encode. Must not know: what
is said on a connection.
"""

from collections.abc import Sequence
from typing import Any

from ldap3 import DEREF_NEVER
from ldap3.core.exceptions import LDAPSocketOpenError
from ldap3.strategy.sync import SyncStrategy

from directory.ldap import requests
from directory.ldap.wire import TimedSocket


class OpenedStrategy(SyncStrategy):  # type: ignore[misc] # ldap3 has no types
    """ldap3's synchronous strategy over a socket of ours, which ldap3 can neither open nor open again.

    Left to itself ldap3 opens a closed connection anew before a bind, and then without StartTLS.
    """

    def open(self, *_: object, **__: object) -> None:
        """Refuse to open anything."""
        raise LDAPSocketOpenError("the connection is closed and is not opened again")

    def adopt(self, wire: TimedSocket) -> None:
        """Work over `wire` from now on."""
        self._outstanding = dict[int, Any]()
        self.connection.socket = wire
        self.connection.closed = False
        self._start_listen()

    def simple_bind(self, dn: str, password: bytes, controls: Sequence[str]) -> None:
        """Bind, and leave the result to the connection."""
        self._exchange("bindRequest", requests.simple_bind(dn, password), controls)

    def search(
        self, base: str, search_filter: str, *, scope: int, attributes: Sequence[str], size_limit: int
    ) -> None:
        """Search, and leave responses and result to the connection."""
        request = requests.search(
            base, search_filter, scope=scope, attributes=attributes, size_limit=size_limit
        )
        self._exchange("searchRequest", request, ())

    def _exchange(self, kind: str, request: bytes, controls: Sequence[str]) -> None:
        message_id = self.connection.server.next_message_id()
        # What ldap3 looks up in it when Active Directory returns the values of an attribute in ranges.
        self._outstanding[message_id] = {"type": kind, "dereferenceAlias": DEREF_NEVER}
        self.connection.socket.sendall(requests.message(message_id, request, controls))
        self.connection.response, self.connection.result = self.get_response(message_id)
