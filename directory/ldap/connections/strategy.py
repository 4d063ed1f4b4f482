"""Strategies of a connection: our codec encodes and decodes its operations, or ldap3 does.

Owns: which of the two is used, and that ldap3 never opens a connection by itself. Must not know: what
requests and responses mean. The codec is our bypass of ldap3's; decision 16 has its cost and its gain.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from ldap3 import BASE, DEREF_NEVER, LEVEL, SIMPLE, SUBTREE
from ldap3.core.exceptions import LDAPSocketOpenError
from ldap3.strategy.base import RESPONSE_COMPLETE, SESSION_TERMINATED_BY_SERVER
from ldap3.strategy.sync import SyncStrategy
from ldap3.utils.asn1 import decode_message_fast

from directory.ldap.connections.sockets import DeadlineSocket
from directory.ldap.protocol import encode
from directory.ldap.protocol.decode import (
    BIND_RESPONSE,
    EXTENDED_RESPONSE,
    SEARCH_DONE,
    ResponseReader,
    UnexpectedMessage,
    result_code,
)
from directory.ldap.protocol.entry import Answer, Entry, SearchResult

_MAX_READ_BYTES = 65536
# The operation that ends the response to each request, by ldap3's names of requests (RFC 4511, section 4).
_FINAL_RESPONSES: Final[Mapping[str, int]] = MappingProxyType(
    {"bindRequest": BIND_RESPONSE, "searchRequest": SEARCH_DONE, "extendedReq": EXTENDED_RESPONSE}
)
_NOTICE_OF_DISCONNECTION: Final = "1.3.6.1.4.1.1466.20036"  # RFC 4511, section 4.4.1


class Ldap3Operations:
    """Mixin for ldap3's strategies: binds and searches that ldap3 encodes and decodes."""

    connection: Any

    def simple_bind(self, dn: str, password: bytes, controls: Sequence[str]) -> Answer:
        """Bind (RFC 4511, section 4.2). `controls` are OIDs of controls without a value."""
        connection = self.connection
        connection.authentication, connection.user, connection.password = SIMPLE, dn, password
        try:
            connection.bind(read_server_info=False, controls=[(oid, False, None) for oid in controls])
        finally:
            # ldap3 would keep the password, and the request that contains it.
            connection.password = connection.request = None
        return answer_from(connection.result)

    def search(
        self, base: str, search_filter: str, *, scope: int, attributes: Sequence[str], size_limit: int
    ) -> SearchResult:
        """Search (RFC 4511, section 4.5). `scope` is 0 for the base only, 2 for the whole subtree."""
        self.connection.search(
            base,
            search_filter,
            search_scope=(BASE, LEVEL, SUBTREE)[scope],
            dereference_aliases=DEREF_NEVER,
            attributes=list(attributes),
            size_limit=size_limit,
        )
        return search_result_from(self.connection.response, self.connection.result)


class Ldap3Strategy(Ldap3Operations, SyncStrategy):  # type: ignore[misc] # ldap3 has no types
    """ldap3's synchronous strategy over our own socket, which ldap3 cannot open or reopen.

    By default ldap3 reopens a closed connection before a bind, and then without StartTLS.
    """

    def open(self, *_: object, **__: object) -> None:
        """Refuse to open a connection."""
        raise LDAPSocketOpenError("the connection is closed and is not opened again")

    def adopt(self, socket: DeadlineSocket) -> None:
        """Use `socket` from now on."""
        self._outstanding = dict[int, Any]()
        self.connection.socket = socket
        self.connection.closed = False
        self._start_listen()

    def _get_response(self, message_id: int, _timeout: object) -> list[Any] | str:
        """Read the response to a request: exactly one result of the request's own kind, with a code.

        ldap3's own method accepts any operation with the message's id, and the last of several results.
        """
        final_response = _FINAL_RESPONSES[self._outstanding[message_id]["type"]]
        responses: list[Any] = []
        code: int | None = None
        while code is None:
            for message in self.receiving():
                decoded = decode_message_fast(message)
                response = self.decode_response_fast(decoded)
                if not decoded["messageID"] and response.get("responseName") == _NOTICE_OF_DISCONNECTION:
                    return str(SESSION_TERMINATED_BY_SERVER)
                if code is not None:
                    raise UnexpectedMessage("a second response to one request")
                code = result_code(message, message_id, final_response)
                if code is not None and response["result"] != code:
                    raise UnexpectedMessage("a result code that can be read in two ways")
                responses.append(response)
        return [*responses, RESPONSE_COMPLETE]


class CodecStrategy(Ldap3Strategy):
    """Binds and searches by our codec. ldap3 reads the responses that the codec does not support."""

    def simple_bind(self, dn: str, password: bytes, controls: Sequence[str]) -> Answer:
        """Bind (RFC 4511, section 4.2). `controls` are OIDs of controls without a value."""
        request = encode.simple_bind(dn, password)
        return self._exchange("bindRequest", request, controls, BIND_RESPONSE).answer

    def search(
        self, base: str, search_filter: str, *, scope: int, attributes: Sequence[str], size_limit: int
    ) -> SearchResult:
        """Search (RFC 4511, section 4.5). `scope` is 0 for the base only, 2 for the whole subtree."""
        request = encode.search(
            base, search_filter, scope=scope, attributes=attributes, size_limit=size_limit
        )
        return self._exchange("searchRequest", request, (), SEARCH_DONE)

    def _exchange(
        self, kind: str, request: bytes, controls: Sequence[str], final_response: int
    ) -> SearchResult:
        socket: DeadlineSocket = self.connection.socket
        message_id = self.connection.server.next_message_id()
        socket.sendall(encode.message(message_id, request, controls))
        reader = ResponseReader(message_id, final_response)
        try:
            result = None
            while result is None:
                result = reader.take(socket.recv(_MAX_READ_BYTES))
        except UnexpectedMessage:
            socket.push_back(reader.received)
            # ldap3 reads this entry when Active Directory returns the values of an attribute in ranges.
            self._outstanding[message_id] = {"type": kind, "dereferenceAlias": DEREF_NEVER}
            return search_result_from(*self.get_response(message_id))
        return result


def search_result_from(responses: Sequence[Mapping[str, Any]], result: Mapping[str, Any]) -> SearchResult:
    """Convert the response to a search that ldap3 has read."""
    entries = [
        Entry(
            dn=response["raw_dn"].decode(),
            attributes={
                name.lower(): tuple(values or ()) for name, values in response["raw_attributes"].items()
            },
        )
        for response in responses
        if response["type"] == "searchResEntry"
    ]
    return SearchResult(
        answer_from(result), entries, sum(each["type"] == "searchResRef" for each in responses)
    )


def answer_from(result: Mapping[str, Any]) -> Answer:
    """Convert a result that ldap3 has read."""
    controls = {
        name: bytes(control["value"])
        for name, control in (result.get("controls") or {}).items()
        if isinstance(control["value"], bytes | bytearray)
    }
    return Answer(int(result["result"]), str(result["message"] or "").replace("\0", ""), controls)
