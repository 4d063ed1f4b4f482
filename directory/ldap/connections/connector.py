"""Opens connections to the configured servers, and probes servers that failed.

Owns: how much of a login's time each server gets, TLS, and StartTLS before any other operation. Must not
know: people, pools.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from ldap3 import NONE, Server

from directory.contract import DirectoryUnavailable
from directory.ldap.connections.connection import NO_ATTRIBUTES, LdapConnection
from directory.ldap.connections.deadline import Deadline
from directory.ldap.connections.dial import ConnectionRefused, dial
from directory.ldap.connections.servers import MAX_LOSSES_ALONE, QuickLosses, Servers
from directory.ldap.connections.sockets import ConnectionLost, DeadlineSocket
from directory.ldap.connections.tls import secure
from directory.ldap.connections.uri import ServerUri, wrong_port
from directory.ldap.protocol.results import ServiceAccountRefused

# Tries to connect to the last possible server, where the network loses connections. No password of a user was
# sent yet, so trying again is safe.
_MAX_TRIES = 4
_START_TLS = "1.3.6.1.4.1.1466.20037"
# Seconds that a login waits for a probe when no server is good. A recovered server answers sooner, and a dead
# one must not hold the thread. Logins that find a probe already running wait less.
_PROBE_WAIT = 0.2
_RUNNING_PROBE_WAIT = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """Makes connections. `context` is None only if no server of `uris` uses TLS.

    `blame_after` is in seconds: a server that had less time to answer is not blamed for its silence. `spawn`
    runs a due probe in the background of the login that starts it.
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
    _reached: set[str] = field(default_factory=set, init=False)

    def connect(
        self,
        deadline: Deadline,
        prepare: Callable[[LdapConnection], None],
        *,
        prefer: str | None = None,
        avoid: str | None = None,
    ) -> LdapConnection:
        """Connect to the first good server that accepts a connection.

        Each server except the last gets half of the time left, so that the next one can be tried.

        Args:
            deadline: for all servers together.
            prepare: runs the first operation on the new connection, such as our own account's bind.
            prefer: the server to try first.
            avoid: the server to try last.

        Raises:
            DirectoryUnavailable: no server could be used; the text names each with its cause.
        """
        failures: list[DirectoryUnavailable] = []
        order = self.servers.candidates(prefer=prefer, avoid=avoid) or self._recovered_servers(deadline)
        uris = [uri for text in order for uri in self.uris if uri.text == text]
        for servers_left, uri in reversed(list(enumerate(reversed(uris)))):
            for _ in range(1 if servers_left else _MAX_TRIES):
                epoch = self.servers.epoch(uri.text)
                server_deadline = deadline.fraction(0.5 if servers_left else 1)
                try:
                    return self._connect_to(uri, server_deadline, prepare)
                except ServiceAccountRefused:
                    raise
                except DirectoryUnavailable as failure:
                    failures.append(failure)
                    if not self._may_try_again(uri.text, epoch, failure, server_deadline):
                        break
        raise DirectoryUnavailable(
            "; ".join(dict.fromkeys(failure.cause for failure in failures)),
            alarm=any(failure.alarm for failure in failures),
        )

    def _may_try_again(
        self, uri: str, epoch: int, failure: DirectoryUnavailable, server_deadline: Deadline
    ) -> bool:
        """Blame the server or the network for a failure; return whether to try the server again."""
        if server_deadline.is_over() and server_deadline.seconds < self.blame_after:
            return False
        # A refused connection counts as a dead server, if another server is good.
        is_dead = isinstance(failure, ConnectionRefused) and self.servers.has_alternatives()
        if self._is_quick_loss(failure, server_deadline) and not is_dead:
            self.losses.record(uri, epoch, failure)
            return self.servers.is_good(uri) and not server_deadline.is_over()
        self.servers.record_failure(uri, epoch, failure)
        return False

    def _is_quick_loss(self, failure: DirectoryUnavailable, server_deadline: Deadline) -> bool:
        return isinstance(failure, ConnectionLost) and server_deadline.elapsed() < self.blame_after

    def start_due_probes(self) -> None:
        """Start the probes that are due while other servers are good, without waiting for them."""
        self._start_probes(urgent=False)

    def _start_probes(self, *, urgent: bool) -> bool:
        due = self.servers.claim_probes(urgent=urgent)
        for text in due:
            self.spawn(partial(self._probe, next(uri for uri in self.uris if uri.text == text)))
        return bool(due)

    def _recovered_servers(self, deadline: Deadline) -> list[str]:
        """Start the due probes when no server is good, and wait briefly for a server to recover."""
        if self._start_probes(urgent=True):
            self.servers.wait_for_good(deadline.within(_PROBE_WAIT))
        elif self.servers.probed_within(_RUNNING_PROBE_WAIT):
            self.servers.wait_for_good(deadline.within(_RUNNING_PROBE_WAIT))
        order = self.servers.candidates()
        if not order:
            raise self.servers.outage()
        return order

    def _probe(self, uri: ServerUri) -> None:
        """Read a server's root DSE (RFC 4512, section 5.1): it is alive unless it answers that it is busy.

        While no server is good, a quickly lost connection is opened again, as often as logins may lose one in
        a row: the network may be at fault, and the back-off after a failed probe would fail every login.
        """
        deadline = Deadline(self.connect_timeout + self.read_timeout, self.monotonic)
        tries_left = 1 if self.servers.candidates() else MAX_LOSSES_ALONE
        while tries_left:
            tries_left -= 1
            try:
                connection = self._connect_to(uri, deadline, ask_root_dse)
            except DirectoryUnavailable as failure:
                may_be_network = not isinstance(failure, ConnectionRefused)
                if not (tries_left and may_be_network and self._is_quick_loss(failure, deadline)):
                    self.servers.probe_failed(uri.text, failure)
                    return
            else:
                self.servers.probe_succeeded(uri.text)
                connection.close(deadline)
                return

    def _connect_to(
        self, uri: ServerUri, deadline: Deadline, prepare: Callable[[LdapConnection], None]
    ) -> LdapConnection:
        try:
            connection = self._set_up(uri, deadline, prepare)
        except ConnectionLost as lost:
            if uri.text in self._reached or isinstance(lost, ConnectionRefused):
                raise
            # No connection of this process was ever answered, so the port is probably wrong.
            raise ConnectionLost(f"{lost.cause} ({wrong_port(uri)} NETID_LDAP_URI)", alarm=True) from lost
        self._reached.add(uri.text)
        if self.losses:
            self.losses.clear(uri.text)
        return connection

    def _set_up(
        self, uri: ServerUri, deadline: Deadline, prepare: Callable[[LdapConnection], None]
    ) -> LdapConnection:
        raw = dial(uri, connect_timeout=self.connect_timeout, deadline=deadline)
        if self.context is not None and uri.scheme == "ldaps":
            raw = secure(raw, self.context, host=uri.host, timeout=self.read_timeout, deadline=deadline)
        socket = DeadlineSocket(raw, server=uri.text, read_timeout=self.read_timeout, deadline=deadline)
        # Each connection gets its own `Server`, since ldap3's marks a refused address as down for 5 s.
        connection = LdapConnection.over(
            Server("localhost", get_info=NONE), socket, name=uri.text, codec=self.codec
        )
        try:
            if self.context is not None and uri.scheme == "ldap" and self.start_tls:
                start_tls(connection, socket, uri, self.context, read_timeout=self.read_timeout)
            prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def start_tls(
    connection: LdapConnection,
    socket: DeadlineSocket,
    uri: ServerUri,
    context: ssl.SSLContext,
    *,
    read_timeout: float,
) -> ssl.SSLSocket:
    """Switch to TLS before any other operation (RFC 4511, section 4.14; RFC 4513, section 3.1).

    Args:
        connection: a connection without any operation yet; it continues over TLS.
        socket: its socket.
        uri: the server.
        context: from `verified_context`.
        read_timeout: seconds for the handshake, and for each answer after it.

    Raises:
        DirectoryUnavailable: the server refused, or TLS failed; no password was sent.
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
    """Read the root DSE (RFC 4512, section 5.1), to prove that a connection reaches a server.

    Raises:
        DirectoryUnavailable: the server did not answer, or answers that it is busy.
    """
    connection.read("", attributes=[NO_ATTRIBUTES])
    if connection.failure is not None:
        raise connection.failure
