"""What one login asks of the directory: the same server for all of it, where possible.

Owns: which question may be asked a second time, and where. Must not know: what is asked, people, sockets.
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

# What another server may answer better. It is held against no server: it may be the question's fault. While
# a replica is loaded, it refuses searches (389-ds by 53), or refers to the server that it is loaded from.
_ASK_ANOTHER: Final = frozenset(
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
    """One login's, with one deadline for all that is asked in it."""

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
        """Ask what no server knows of another; a bind that follows goes to the one that answered.

        Raises:
            DirectoryUnavailable: nobody could answer it.
        """
        found = self.ask(question)
        self._pinned = self._server
        return found

    def ask(self, question: Callable[[LdapConnection], SearchResult]) -> SearchResult:
        """Ask something that may be asked twice, on a connection of our own account.

        It is asked once more, on another server or on a new connection, if the first fails. While there is
        another server, the first gets half of the time that is left.

        Raises:
            DirectoryUnavailable: nobody could answer it.
        """
        found = self._ask_first(question)
        if found is not None:
            return found
        with self._searches.lease(self._deadline, avoid=self._avoid) as connection:
            self._server = connection.name
            return question(connection)

    def elsewhere(self) -> Callable[[Callable[[LdapConnection], SearchResult]], SearchResult]:
        """Make a way to ask another server than the one that was asked last.

        All questions go to that other server, and once more where the connection is lost. Each raises
        DirectoryUnavailable if there is none, or if it cannot answer either.
        """
        first = self._server

        def ask_once(question: Callable[[LdapConnection], SearchResult]) -> SearchResult:
            if not self._servers.has_alternatives():
                raise DirectoryUnavailable("there is no other server to ask")
            prefer = None if self._server == first else self._server
            # Aside, so that a name that nobody has does not lead the next login away from the first server.
            with self._searches.lease(
                self._deadline, prefer=prefer, avoid=first, time_share=0.5, reuse_last=True
            ) as connection:
                if connection.name == first:
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
        """Ask one server and no other.

        Raises:
            DirectoryUnavailable: it cannot be asked.
        """
        with self._searches.lease(self._deadline, prefer=server) as connection:
            if connection.name != server:
                raise DirectoryUnavailable(f"{server} cannot be asked at the moment")
            return question(connection)

    @property
    def last_server(self) -> str | None:
        """The server that was asked last, whatever became of it."""
        return self._server

    @property
    def last_good_server(self) -> str | None:
        """The URI of the server that was asked last; None for a directory that is no network's."""
        return self._server if self._server is not None and self._servers.is_good(self._server) else None

    def as_person(self, action: Callable[[LdapConnection], T]) -> T:
        """Do what begins with a person's bind, on the server that was asked before.

        It is never done twice where the server may have counted a failure, which may be the last before it
        locks the person out. That leaves two cases: nothing was sent, or the server does not have the entry.

        Raises:
            DirectoryUnavailable: no answer; or the server that `ask_and_pin` asked is no longer to be had.
            InvalidCredentials: as `action` raises it, with the server that said so.
        """
        try:
            return self._on_a_bind_connection(action)
        except NothingSent:
            return self._on_a_bind_connection(action)
        except NoSuchEntry as refusal:
            if self._pinned is not None or not self._servers.has_alternatives():
                raise
            return self._on_a_bind_connection(action, instead_of=refusal)

    def _on_a_bind_connection(
        self, action: Callable[[LdapConnection], T], *, instead_of: NoSuchEntry | None = None
    ) -> T:
        """Do it once. The refusal of a server without the entry stands if no other can be connected to."""
        prefer = self._pinned or self._server
        avoid, prefer = (None, prefer) if instead_of is None else (prefer, None)
        with self._binds.lease(self._deadline, prefer=prefer, avoid=avoid) as connection:
            if instead_of is not None and connection.name == avoid:
                raise instead_of
            if self._pinned not in {None, connection.name}:
                raise DirectoryUnavailable(
                    f"{self._pinned} told how many failures are left, and {connection.name} may count others"
                )
            self._server = connection.name
            try:
                return action(connection)
            except InvalidCredentials as refusal:
                refusal.server = connection.name
                raise

    def _ask_first(self, question: Callable[[LdapConnection], SearchResult]) -> SearchResult | None:
        """Ask once; None if it should be asked again."""
        part = 0.5 if self._servers.has_alternatives() else 1
        with self._searches.lease(self._deadline, prefer=self._server, time_share=part) as connection:
            self._server = connection.name
            try:
                found = question(connection)
            except DirectoryUnavailable:
                if self._deadline.is_over():
                    raise
            else:
                elsewhere = found.answer.code in _ASK_ANOTHER and self._servers.has_alternatives()
                if connection.failure is None and not elsewhere:
                    return found
            self._avoid = connection.name
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionPools:
    """All that conversations go over. `look_after` sees to servers that failed, in no time."""

    searches: ConnectionPool
    binds: ConnectionPool
    servers: Servers
    start_due_probes: Callable[[], None]

    def session(self, deadline: Deadline) -> LdapSession:
        """Begin a login's."""
        if not self.servers.are_all_good():
            self.start_due_probes()
        return LdapSession(self.searches, self.binds, self.servers, deadline)

    def close(self) -> None:
        """Close every connection."""
        self.searches.close()
        self.binds.close()
