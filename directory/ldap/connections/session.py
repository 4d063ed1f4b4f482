"""The LDAP operations of one login, all on the same server where possible.

Owns: which operation may be repeated, and on which server. Must not know: what is searched, people, sockets.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from ldap3.core.results import (
    RESULT_ADMIN_LIMIT_EXCEEDED,
    RESULT_OPERATIONS_ERROR,
    RESULT_OTHER,
    RESULT_PROTOCOL_ERROR,
    RESULT_REFERRAL,
    RESULT_TIME_LIMIT_EXCEEDED,
    RESULT_UNWILLING_TO_PERFORM,
)

from directory.contract import DirectoryUnavailable, InvalidCredentials
from directory.ldap.connections.connection import LdapConnection
from directory.ldap.connections.deadline import Deadline
from directory.ldap.connections.pool import ConnectionPool
from directory.ldap.connections.servers import Servers
from directory.ldap.connections.sockets import ConnectionLost, NothingSent
from directory.ldap.protocol.entry import SearchResult
from directory.ldap.protocol.results import NoSuchEntry

T = TypeVar("T")

Query = Callable[[LdapConnection], SearchResult]
"""One search or read, on the connection that it is given. It may be run a second time, on another one."""
RunQuery = Callable[[Query], SearchResult]
"""Chooses a connection, runs a query on it and returns the result."""

# Results that another server may improve on. No server is blamed for them, since the request may be at fault.
# A replica that is being loaded refuses searches (389-ds with 53), or refers to the server it is loaded from.
_RETRY_ON_ANOTHER_SERVER: Final = frozenset(
    {
        RESULT_OPERATIONS_ERROR,
        RESULT_PROTOCOL_ERROR,
        RESULT_TIME_LIMIT_EXCEEDED,
        RESULT_ADMIN_LIMIT_EXCEEDED,
        RESULT_OTHER,
        RESULT_REFERRAL,
        RESULT_UNWILLING_TO_PERFORM,
    }
)


class LdapSession:
    """The operations of one login, with one deadline for all of them."""

    def __init__(
        self, searches: ConnectionPool, binds: ConnectionPool, servers: Servers, deadline: Deadline
    ) -> None:
        self._searches = searches
        self._binds = binds
        self._servers = servers
        self._deadline = deadline
        self._server: str | None = None
        self._avoid: str | None = None
        self._pinned: str | None = None

    def ask_and_pin(self, question: Callable[[LdapConnection], SearchResult]) -> SearchResult:
        """Search for data that servers do not replicate, and pin the next bind to the server that answered.

        Raises:
            DirectoryUnavailable: no server could answer.
        """
        result = self.ask(question)
        self._pinned = self._server
        return result

    def ask(self, question: Callable[[LdapConnection], SearchResult]) -> SearchResult:
        """Search on a connection of our own account, and repeat the search once if it fails.

        The second try goes to another server or uses a new connection. The first try gets half of the time
        left if another server is good.

        Raises:
            DirectoryUnavailable: no server could answer.
        """
        result = self._ask_once(question)
        if result is not None:
            return result
        with self._searches.lease(self._deadline, avoid=self._avoid) as connection:
            self._server = connection.name
            return question(connection)

    def elsewhere(self) -> Callable[[Callable[[LdapConnection], SearchResult]], SearchResult]:
        """Return a function that searches on another server than the last one.

        All its searches use the same other server. It repeats a search once if the connection is lost. It
        raises DirectoryUnavailable if no other server is good, or if that one cannot answer.
        """
        first_server = self._server

        def ask_once(question: Callable[[LdapConnection], SearchResult]) -> SearchResult:
            if not self._servers.has_alternatives():
                raise DirectoryUnavailable("no other directory server is good")
            prefer = None if self._server == first_server else self._server
            # Reused last, so that an unknown name does not move the next login away from the first server.
            with self._searches.lease(
                self._deadline, prefer=prefer, avoid=first_server, time_share=0.5, reuse_last=True
            ) as connection:
                if connection.name == first_server:
                    raise DirectoryUnavailable("no other server could be connected to")
                self._server = connection.name
                return question(connection)

        def ask(question: Callable[[LdapConnection], SearchResult]) -> SearchResult:
            try:
                return ask_once(question)
            except ConnectionLost:
                return ask_once(question)

        return ask

    def ask_at(self, server: str, question: Callable[[LdapConnection], SearchResult]) -> SearchResult:
        """Search on one server and no other.

        Raises:
            DirectoryUnavailable: the server cannot answer.
        """
        with self._searches.lease(self._deadline, prefer=server) as connection:
            if connection.name != server:
                raise DirectoryUnavailable(f"{server} cannot be asked at the moment")
            return question(connection)

    @property
    def last_server(self) -> str | None:
        """The server of the last operation, even if it failed since."""
        return self._server

    @property
    def last_good_server(self) -> str | None:
        """The server of the last operation if it is still good; None for the embedded directory."""
        return self._server if self._server is not None and self._servers.is_good(self._server) else None

    def as_person(self, action: Callable[[LdapConnection], T]) -> T:
        """Run an action that begins with a user's bind, on the server of the last search.

        The action is never repeated if the server may have counted a failure, since one more may lock the
        user out. It is repeated in two cases: nothing was sent, or the server does not have the entry.

        Raises:
            DirectoryUnavailable: no answer, or the server that `ask_and_pin` used cannot be reached.
            InvalidCredentials: from `action`; its `server` is set to the server that refused.
        """
        try:
            return self._run_on_bind_connection(action)
        except NothingSent:
            return self._run_on_bind_connection(action)
        except NoSuchEntry as refusal:
            if self._pinned is not None or not self._servers.has_alternatives():
                raise
            return self._run_on_bind_connection(action, instead_of=refusal)

    def _run_on_bind_connection(
        self, action: Callable[[LdapConnection], T], *, instead_of: NoSuchEntry | None = None
    ) -> T:
        """Run the action once. `instead_of` is raised again if no other server can be connected to."""
        prefer = self._pinned or self._server
        avoid, prefer = (None, prefer) if instead_of is None else (prefer, None)
        with self._binds.lease(self._deadline, prefer=prefer, avoid=avoid) as connection:
            if instead_of is not None and connection.name == avoid:
                raise instead_of
            if self._pinned not in {None, connection.name}:
                raise DirectoryUnavailable(
                    f"{self._pinned} reported the failures left, and {connection.name} may count others"
                )
            self._server = connection.name
            try:
                return action(connection)
            except InvalidCredentials as refusal:
                refusal.server = connection.name
                raise

    def _ask_once(self, question: Callable[[LdapConnection], SearchResult]) -> SearchResult | None:
        """Search once; return None if the search should be repeated."""
        time_share = 0.5 if self._servers.has_alternatives() else 1
        with self._searches.lease(self._deadline, prefer=self._server, time_share=time_share) as connection:
            self._server = connection.name
            try:
                result = question(connection)
            except DirectoryUnavailable:
                if self._deadline.is_over():
                    raise
            else:
                retry_elsewhere = (
                    result.answer.code in _RETRY_ON_ANOTHER_SERVER and self._servers.has_alternatives()
                )
                if connection.failure is None and not retry_elsewhere:
                    return result
            self._avoid = connection.name
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionPools:
    """The pools of a directory. `start_due_probes` probes failed servers in the background."""

    searches: ConnectionPool
    binds: ConnectionPool
    servers: Servers
    start_due_probes: Callable[[], None]

    def session(self, deadline: Deadline) -> LdapSession:
        """Begin the session of one login."""
        if not self.servers.are_all_good():
            self.start_due_probes()
        return LdapSession(self.searches, self.binds, self.servers, deadline)

    def close(self) -> None:
        """Close every connection."""
        self.searches.close()
        self.binds.close()
