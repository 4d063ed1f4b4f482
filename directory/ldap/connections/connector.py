"""New connections to the configured servers, and probes of those that failed.

Owns: which server gets how much of a login's time, StartTLS before anything else is said, and TLS. Must not
know: people, pools.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ldap3 import NONE, Server

from directory.contract import DirectoryUnavailable
from directory.ldap.connections.connection import NO_ATTRIBUTES, LdapConnection
from directory.ldap.connections.deadline import Deadline
from directory.ldap.connections.dial import ConnectionRefused, dial
from directory.ldap.connections.servers import QuickLosses, Servers
from directory.ldap.connections.sockets import ConnectionLost, DeadlineSocket
from directory.ldap.connections.tls import secure
from directory.ldap.connections.uri import ServerUri
from directory.ldap.protocol.results import ServiceAccountRefused

# How often a login opens a connection to the last server that it can go to, where the network loses them: no
# password of a person was sent yet.
_TRIES = 4
_START_TLS = "1.3.6.1.4.1.1466.20037"
# A login that finds no good server waits so long (seconds) for the probe that it starts: a server that is
# back answers sooner, and one that is not must not hold the thread. Those that come meanwhile wait less.
_PROBE_PATIENCE = 0.2
_OTHERS_PATIENCE = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """Makes connections. `context` is None only where no server of `uris` is spoken to over TLS.

    `blame_after` is in seconds: a server that was given less, and did not answer, is not blamed. `spawn` runs
    a probe beside the login that has noticed that its time has come.
    """

    uris: tuple[ServerUri, ...]
    servers: Servers
    losses: QuickLosses
    start_tls: bool
    context: ssl.SSLContext | None
    connect_timeout: float
    read_timeout: float
    blame_after: float
    codec: bool
    monotonic: Callable[[], float]
    spawn: Callable[[Callable[[], None]], None]

    def connect(
        self,
        deadline: Deadline,
        introduce: Callable[[LdapConnection], None],
        *,
        prefer: str | None = None,
        avoid: str | None = None,
    ) -> LdapConnection:
        """Connect to the first good server that lets itself be spoken to.

        Each server but the last gets half of the time that is left, so that the next one has its turn.

        Args:
            deadline: for all servers together.
            introduce: what is said first on the new connection, such as the bind of our own account.
            prefer: the server to try first.
            avoid: the server to try last.

        Raises:
            DirectoryUnavailable: no server could be used; each is named with its cause.
        """
        failures: list[DirectoryUnavailable] = []
        order = self.servers.candidates(prefer=prefer, avoid=avoid) or self._revived(deadline)
        uris = [uri for text in order for uri in self.uris if uri.text == text]
        for left, uri in reversed(list(enumerate(reversed(uris)))):
            for _ in range(1 if left else _TRIES):
                epoch = self.servers.epoch(uri.text)
                allotted = deadline.fraction(0.5 if left else 1)
                try:
                    return self._connect_to(uri, allotted, introduce)
                except ServiceAccountRefused:
                    raise
                except DirectoryUnavailable as failure:
                    failures.append(failure)
                    if not self._may_try_again(uri.text, epoch, failure, allotted):
                        break
        raise DirectoryUnavailable(
            "; ".join(dict.fromkeys(failure.cause for failure in failures)),
            alarm=any(failure.alarm for failure in failures),
        )

    def _may_try_again(self, uri: str, epoch: int, failure: DirectoryUnavailable, allotted: Deadline) -> bool:
        """Hold a failure against the server or the network; whether a new connection may fare better."""
        if allotted.is_over() and allotted.seconds < self.blame_after:
            return False
        is_quick = isinstance(failure, ConnectionLost) and allotted.elapsed() < self.blame_after
        # A server that refuses connections is dead, where there is another to go to.
        if is_quick and not (isinstance(failure, ConnectionRefused) and self.servers.has_alternatives()):
            self.losses.record(uri, epoch, failure)
            return self.servers.is_good(uri) and not allotted.is_over()
        self.servers.record_failure(uri, epoch, failure)
        return False

    def start_due_probes(self) -> None:
        """Start the probes whose time has come while other servers are good; it takes no time itself."""
        self._start_probes(urgent=False)

    def _start_probes(self, *, urgent: bool) -> bool:
        due = self.servers.claim_probes(urgent=urgent)
        for text in due:
            self.spawn(partial(self._probe, next(uri for uri in self.uris if uri.text == text)))
        return bool(due)

    def _revived(self, deadline: Deadline) -> list[str]:
        """With no good server left, start a probe if its time has come, and give it a moment."""
        if self._start_probes(urgent=True):
            self.servers.wait_for_good(deadline.within(_PROBE_PATIENCE))
        elif self.servers.probed_within(_OTHERS_PATIENCE):
            self.servers.wait_for_good(deadline.within(_OTHERS_PATIENCE))
        order = self.servers.candidates()
        if not order:
            raise self.servers.outage()
        return order

    def _probe(self, uri: ServerUri) -> None:
        """Ask a server for its root DSE (RFC 4512, section 5.1): any answer but "not now" shows it alive."""
        deadline = Deadline(self.connect_timeout + self.read_timeout, self.monotonic)
        try:
            connection = self._connect_to(uri, deadline, ask_root_dse)
        except DirectoryUnavailable as failure:
            self.servers.probe_failed(uri.text, failure)
        else:
            self.servers.probe_succeeded(uri.text)
            connection.close(deadline)

    def _connect_to(
        self, uri: ServerUri, deadline: Deadline, introduce: Callable[[LdapConnection], None]
    ) -> LdapConnection:
        raw = dial(uri, connect_timeout=self.connect_timeout, deadline=deadline)
        if self.context is not None and uri.scheme == "ldaps":
            raw = secure(raw, self.context, host=uri.host, timeout=self.read_timeout, deadline=deadline)
        socket = DeadlineSocket(raw, server=uri.text, read_timeout=self.read_timeout, deadline=deadline)
        # A `Server` of its own for each connection: ldap3's remembers a refused address as down for 5 s.
        connection = LdapConnection.over(
            Server("localhost", get_info=NONE), socket, name=uri.text, codec=self.codec
        )
        try:
            if self.context is not None and uri.scheme == "ldap" and self.start_tls:
                start_tls(connection, socket, uri, self.context, read_timeout=self.read_timeout)
            introduce(connection)
        except BaseException:
            connection.close()
            raise
        if self.losses:
            self.losses.clear(uri.text)
        return connection


def start_tls(
    connection: LdapConnection,
    socket: DeadlineSocket,
    uri: ServerUri,
    context: ssl.SSLContext,
    *,
    read_timeout: float,
) -> ssl.SSLSocket:
    """Go over to TLS before anything else is said (RFC 4511, section 4.14; RFC 4513, section 3.1).

    Args:
        connection: a connection on which nothing has been said; it goes on over TLS.
        socket: its socket.
        uri: whom it is to.
        context: from `verified_context`.
        read_timeout: seconds for the handshake, and for each answer after it.

    Raises:
        DirectoryUnavailable: refused, or no TLS with whom we meant; no password was sent.
    """
    answer = connection.extended(_START_TLS)
    if answer.code != 0:
        raise DirectoryUnavailable(
            f"{uri.text} refuses StartTLS, so no password was sent (NETID_LDAP_START_TLS): "
            f"result {answer.code}, {answer.message!r}",
            alarm=True,
        )
    secured = secure(socket.raw, context, host=uri.host, timeout=read_timeout, deadline=socket.deadline)
    connection.adopt(
        DeadlineSocket(secured, server=uri.text, read_timeout=read_timeout, deadline=socket.deadline)
    )
    return secured


def ask_root_dse(connection: LdapConnection) -> None:
    """Read the root DSE (RFC 4512, section 5.1), which shows that a connection reaches a server.

    Raises:
        DirectoryUnavailable: no answer, or the server says that it cannot answer now.
    """
    connection.read("", attributes=[NO_ATTRIBUTES])
    if connection.failure is not None:
        raise connection.failure
