"""One connection to a directory server, owned by one thread while in use.

Owns: ldap3's `Connection` and every exception of it. Must not know: what a result means, people, pools.
"""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Final, Self

from ldap3 import ANONYMOUS, AUTO_BIND_NONE, SYNC, Connection
from ldap3.core.exceptions import LDAPSessionTerminatedByServerError
from ldap3.core.results import RESULT_BUSY, RESULT_CODES, RESULT_UNAVAILABLE
from ldap3.operation.bind import bind_operation

from directory.contract import DirectoryUnavailable, InvalidCredentials, Refusal
from directory.ldap.connections.deadline import Deadline
from directory.ldap.connections.sockets import ConnectionLost, DeadlineSocket
from directory.ldap.connections.strategy import CodecStrategy, Ldap3Strategy, answer_from
from directory.ldap.protocol.entry import Answer, SearchResult

NO_ATTRIBUTES: Final = "1.1"  # an entry without its attributes (RFC 4511, section 4.5.1.8)
_BASE, _SUBTREE = 0, 2  # scopes (RFC 4511, section 4.5.1.2)
# What ldap3 copies from a strategy to its connection.
_STRATEGY_METHODS = ("send", "open", "get_response", "post_send_single_response", "post_send_search")


class ServerBusy(DirectoryUnavailable):
    """The server answered that it cannot serve any client now (`busy` or `unavailable`)."""


class LdapConnection:
    """One connection to a directory server. It is no longer `usable` after an operation that did not finish.

    `failure` is the failure of the connection or of its server, or None.
    """

    def __init__(self, server: Any, strategy: type[Any], *, name: str) -> None:
        self.name = name
        self.usable = True
        self.failure: DirectoryUnavailable | None = None
        self.socket: DeadlineSocket | None = None
        self._operation = _Operation(self, self._failure_from)
        self._connection = Connection(
            server,
            client_strategy=SYNC,
            auto_bind=AUTO_BIND_NONE,
            # Following a referral, ldap3 would send our account's password to any host that it names.
            auto_referrals=False,
            raise_exceptions=False,
            check_names=False,
            auto_escape=False,
            return_empty_attributes=False,
        )
        self._connection.strategy = strategy(self._connection)
        for method in _STRATEGY_METHODS:
            setattr(self._connection, method, getattr(self._connection.strategy, method))

    @classmethod
    def over(cls, server: Any, socket: DeadlineSocket, *, name: str, codec: bool = True) -> Self:
        """Make a connection over an open socket; `close` closes the socket too.

        Args:
            server: ldap3's `Server`, used by this connection only.
            socket: the open socket.
            name: the server's URI, for errors to the operator.
            codec: whether our codec encodes and decodes binds and searches; otherwise ldap3 does.
        """
        connection = cls(server, CodecStrategy if codec else Ldap3Strategy, name=name)
        connection.adopt(socket)
        return connection

    def adopt(self, socket: DeadlineSocket) -> None:
        """Continue over another socket, for example after StartTLS."""
        self.socket = socket
        self._connection.strategy.adopt(socket)

    @property
    def strategy(self) -> Any:
        """ldap3's strategy object, which the embedded directory needs."""
        return self._connection.strategy

    @property
    def is_unencrypted(self) -> bool:
        """Whether the connection uses a socket without TLS. The embedded directory uses no socket."""
        return self.socket is not None and not self.socket.is_encrypted

    def set_deadline(self, deadline: Deadline) -> None:
        """Set the deadline of all following operations."""
        if self.socket is not None:
            self.socket.set_deadline(deadline)

    def is_alive(self) -> bool:
        """Return whether the connection can still be used, without sending anything."""
        return self.usable and (self.socket is None or self.socket.is_silent())

    def bind(self, dn: str, password: bytes, *, controls: Sequence[str] = ()) -> Answer:
        """Bind as `dn` (RFC 4513, section 5.1.3). The connection may be bound already.

        Args:
            dn: never empty, since that would be an anonymous bind.
            password: as bytes, since ldap3 would rewrite a `str` by SASLprep. Never empty: that would be an
                unauthenticated bind, which many directories answer with success.
            controls: OIDs of non-critical controls without a value (RFC 4511, section 4.1.11).

        Raises:
            InvalidCredentials: `dn` or `password` is empty; nothing was sent.
            DirectoryUnavailable: the server did not answer.
        """
        if not dn or not password:
            raise InvalidCredentials(Refusal.UNACCEPTABLE, "an empty DN or password is never sent")
        with self._operation:
            return self._note_state(self._connection.strategy.simple_bind(dn, password, controls))

    def bind_anonymously(self) -> Answer:
        """Bind anonymously (RFC 4513, section 5.1.1).

        Raises:
            DirectoryUnavailable: the server did not answer.
        """
        connection = self._connection
        connection.authentication, connection.user, connection.password = ANONYMOUS, None, None
        with self._operation:
            connection.bind(read_server_info=False)
            return self._note_state(answer_from(connection.result))

    def bind_without_password(self, dn: str) -> Answer:
        """Bind as `dn` without a password (RFC 4513, section 5.1.2), to check how the server answers.

        A success proves nothing about `dn`: the connection is then anonymous.

        Raises:
            DirectoryUnavailable: the server did not answer.
        """
        request = bind_operation(3, ANONYMOUS, "")
        request["name"] = dn
        with self._operation:
            self._connection.post_send_single_response(self._connection.send("bindRequest", request, None))
            return self._note_state(answer_from(self._connection.result))

    def extended(self, name: str) -> Answer:
        """Send an extended request (RFC 4511, section 4.12).

        Raises:
            DirectoryUnavailable: the server did not answer, or its response names another request.
        """
        with self._operation:
            self._connection.extended(name)
            response_name = self._connection.result["responseName"]
            if response_name and response_name != name:
                raise DirectoryUnavailable(f"{self.name} answered another extended request than was sent")
            return self._note_state(answer_from(self._connection.result))

    def read(
        self, dn: str, *, attributes: Sequence[str], search_filter: str = "(objectClass=*)"
    ) -> SearchResult:
        """Read one entry by its DN (RFC 4511, section 4.5.1, scope `baseObject`).

        Args:
            dn: of the entry.
            attributes: names of the attributes to return.
            search_filter: a filter that the entry must match too (RFC 4515).

        Raises:
            ConnectionLost: the connection was dead.
            DirectoryUnavailable: the server did not answer.
        """
        return self.search(dn, search_filter, attributes=attributes, size_limit=0, scope=_BASE)

    def search(
        self,
        base: str,
        search_filter: str,
        *,
        attributes: Sequence[str],
        size_limit: int,
        scope: int = _SUBTREE,
    ) -> SearchResult:
        """Search a subtree (RFC 4511, section 4.5.1).

        Args:
            base: DN to search under.
            search_filter: RFC 4515, with every value already escaped.
            attributes: names of the attributes to return.
            size_limit: the most entries to return; 0 for any number.
            scope: 0 for the base only, 2 for the whole subtree.

        Raises:
            ConnectionLost: the connection was dead.
            DirectoryUnavailable: the server did not answer.
        """
        with self._operation:
            result: SearchResult = self._connection.strategy.search(
                base, search_filter, scope=scope, attributes=attributes, size_limit=size_limit
            )
            self._note_state(result.answer)
            return result

    def close(self, deadline: Deadline | None = None) -> None:
        """Close the connection.

        Args:
            deadline: for an unbind request first (RFC 4511, section 4.3); None to send nothing.
        """
        if deadline is not None and self.usable:
            self.set_deadline(deadline)
            # A failed unbind does not matter: the connection is closed in any case.
            with contextlib.suppress(Exception):
                self._connection.unbind()
        self.usable = False
        self._connection.strategy.close()
        if self.socket is not None:
            self.socket.close()

    def _note_state(self, answer: Answer) -> Answer:
        """Remember a server that answers that it cannot serve any client now."""
        if answer.code in {RESULT_BUSY, RESULT_UNAVAILABLE}:
            self.failure = ServerBusy(f"{self.name} answers {RESULT_CODES[answer.code]}")
        return answer

    def _failure_from(self, error: Exception) -> DirectoryUnavailable:
        if isinstance(error, DirectoryUnavailable):
            return error
        if isinstance(error, LDAPSessionTerminatedByServerError):
            return ConnectionLost(f"{self.name} ended the session")
        # For a malformed answer ldap3 raises IndexError, KeyError and others. Their texts may hold bytes that
        # were sent or received, and so what a user typed.
        return DirectoryUnavailable(f"{self.name} did not answer in LDAP ({type(error).__name__})")


class _Operation:
    """Turns an operation's exception into a failure, and marks an unfinished connection as unusable."""

    def __init__(
        self, connection: LdapConnection, failed: Callable[[Exception], DirectoryUnavailable]
    ) -> None:
        self._connection = connection
        self._failure_from = failed

    def __enter__(self) -> None:
        self._connection.usable = False

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None:
            self._connection.usable = True
        elif isinstance(error, Exception):
            failure = self._failure_from(error)
            self._connection.failure = failure
            if failure is not error:
                raise failure from error
