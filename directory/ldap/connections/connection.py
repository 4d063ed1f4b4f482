"""One connection to a directory server, owned by one thread while in use.

Owns: ldap3's `Connection` and everything it may raise. Must not know: what a result means, people, pools.
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
    """The server answered, and what it says is that it cannot answer now, whoever asks."""


class LdapConnection:
    """One connection. After a failure in the middle of an operation it is not `usable` any more.

    `failure` is what the connection or its server has failed with, if anything.
    """

    def __init__(self, server: Any, strategy: type[Any], *, name: str) -> None:
        self.name = name
        self.usable = True
        self.failure: DirectoryUnavailable | None = None
        self.socket: DeadlineSocket | None = None
        self._operation = _Operation(self, self._failed)
        self._connection = Connection(
            server,
            client_strategy=SYNC,
            auto_bind=AUTO_BIND_NONE,
            # Following a referral, ldap3 hands our account's password to whatever host it names.
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
        """Make a connection over an open socket, which it closes in the end.

        Args:
            server: ldap3's, for this connection alone.
            socket: the socket.
            name: for sentences to the operator.
            codec: whether binds and searches are written and read by our codec, or by ldap3.
        """
        connection = cls(server, CodecStrategy if codec else Ldap3Strategy, name=name)
        connection.adopt(socket)
        return connection

    def adopt(self, socket: DeadlineSocket) -> None:
        """Go on over `wire`, as after StartTLS."""
        self.socket = socket
        self._connection.strategy.adopt(socket)

    @property
    def strategy(self) -> Any:
        """ldap3's side of the connection, for a server that is made of one."""
        return self._connection.strategy

    @property
    def is_unencrypted(self) -> bool:
        """Whether it is a connection over a socket without TLS."""
        return self.socket is not None and not self.socket.is_encrypted

    def set_deadline(self, deadline: Deadline) -> None:
        """Give the operations that follow their deadline."""
        if self.socket is not None:
            self.socket.set_deadline(deadline)

    def is_alive(self) -> bool:
        """Say, before anything is sent, whether the connection can still be used."""
        return self.usable and (self.socket is None or self.socket.is_silent())

    def bind(self, dn: str, password: bytes, *, controls: Sequence[str] = ()) -> Answer:
        """Bind as `dn` (RFC 4513, section 5.1.3), on a connection that may be bound already.

        Args:
            dn: never empty: that would be an anonymous bind.
            password: bytes, which ldap3 sends as they are; a `str` it would rewrite by SASLprep. Never empty:
                that would be an unauthenticated bind, which many directories answer with success.
            controls: OIDs of controls without a value to send along, for servers that know them (RFC 4511,
                section 4.1.11).

        Raises:
            InvalidCredentials: `dn` or `password` is empty; nothing was sent.
            DirectoryUnavailable: no answer.
        """
        if not dn or not password:
            raise InvalidCredentials(Refusal.UNACCEPTABLE, "an empty DN or password is never sent")
        with self._operation:
            return self._heard(self._connection.strategy.simple_bind(dn, password, controls))

    def bind_anonymously(self) -> Answer:
        """Become nobody again (RFC 4513, section 5.1.1).

        Raises:
            DirectoryUnavailable: no answer.
        """
        connection = self._connection
        connection.authentication, connection.user, connection.password = ANONYMOUS, None, None
        with self._operation:
            connection.bind(read_server_info=False)
            return self._heard(answer_from(connection.result))

    def bind_without_password(self, dn: str) -> Answer:
        """Bind as `dn` with no password (RFC 4513, section 5.1.2), to see what the server makes of it.

        Its success means nothing: the connection is anonymous then.

        Raises:
            DirectoryUnavailable: no answer.
        """
        request = bind_operation(3, ANONYMOUS, "")
        request["name"] = dn
        with self._operation:
            self._connection.post_send_single_response(self._connection.send("bindRequest", request, None))
            return self._heard(answer_from(self._connection.result))

    def extended(self, name: str) -> Answer:
        """Send an extended request (RFC 4511, section 4.12).

        Raises:
            DirectoryUnavailable: no answer, or the answer names another request.
        """
        with self._operation:
            self._connection.extended(name)
            named = self._connection.result["responseName"]
            if named and named != name:
                raise DirectoryUnavailable(f"{self.name} answered another extended request than was sent")
            return self._heard(answer_from(self._connection.result))

    def read(
        self, dn: str, *, attributes: Sequence[str], search_filter: str = "(objectClass=*)"
    ) -> SearchResult:
        """Read one entry by its DN (RFC 4511, section 4.5.1, scope `baseObject`).

        Args:
            dn: of the entry.
            attributes: to be returned.
            search_filter: RFC 4515, what the entry must be besides.

        Raises:
            ConnectionLost: the connection was dead.
            DirectoryUnavailable: no answer.
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
            search_filter: RFC 4515, with every value escaped already.
            attributes: to be returned.
            size_limit: the most entries to be returned; 0 for any number.
            scope: 0 for the base itself, 2 for the whole tree.

        Raises:
            ConnectionLost: the connection was dead.
            DirectoryUnavailable: no answer.
        """
        with self._operation:
            found: SearchResult = self._connection.strategy.search(
                base, search_filter, scope=scope, attributes=attributes, size_limit=size_limit
            )
            self._heard(found.answer)
            return found

    def close(self, deadline: Deadline | None = None) -> None:
        """Close the connection.

        Args:
            deadline: for saying goodbye first (RFC 4511, section 4.3); None to drop the connection.
        """
        if deadline is not None and self.usable:
            self.set_deadline(deadline)
            # Whatever goes wrong with a farewell, the connection is over.
            with contextlib.suppress(Exception):
                self._connection.unbind()
        self.usable = False
        self._connection.strategy.close()
        if self.socket is not None:
            self.socket.close()

    def _heard(self, answer: Answer) -> Answer:
        """Note a server that says that it cannot answer now."""
        if answer.code in {RESULT_BUSY, RESULT_UNAVAILABLE}:
            self.failure = ServerBusy(f"{self.name} answers {RESULT_CODES[answer.code]}")
        return answer

    def _failed(self, error: Exception) -> DirectoryUnavailable:
        if isinstance(error, DirectoryUnavailable):
            return error
        if isinstance(error, LDAPSessionTerminatedByServerError):
            return ConnectionLost(f"{self.name} ended the session")
        # ldap3 meets a malformed answer with whatever it stumbles over: IndexError, KeyError and more. Their
        # texts may hold what was sent or received, and so what somebody typed.
        return DirectoryUnavailable(f"{self.name} did not answer in LDAP ({type(error).__name__})")


class _Operation:
    """Turns whatever is raised into an outcome; a connection that was left midway is not used again."""

    def __init__(
        self, connection: LdapConnection, failed: Callable[[Exception], DirectoryUnavailable]
    ) -> None:
        self._connection = connection
        self._failed = failed

    def __enter__(self) -> None:
        self._connection.usable = False

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None:
            self._connection.usable = True
        elif isinstance(error, Exception):
            failure = self._failed(error)
            self._connection.failure = failure
            if failure is not error:
                raise failure from error
