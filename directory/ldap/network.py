"""New connections to the configured servers.

Owns: the order of servers, StartTLS before anything else is said, and TLS. Must not know: people, pools.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass

from ldap3 import NONE, Server

from directory.contract import DirectoryUnavailable
from directory.ldap.deadline import Deadline
from directory.ldap.link import Link
from directory.ldap.results import ServiceAccountRefused
from directory.ldap.tls import secure
from directory.ldap.uri import ServerUri
from directory.ldap.wire import TimedSocket, dial

_START_TLS = "1.3.6.1.4.1.1466.20037"


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Makes connections. `context` is None only where no server of `uris` is spoken to over TLS."""

    uris: tuple[ServerUri, ...]
    start_tls: bool
    context: ssl.SSLContext | None
    connect_timeout: float
    read_timeout: float

    def connect(self, deadline: Deadline, introduce: Callable[[Link], None]) -> Link:
        """Connect to the first server that lets itself be spoken to.

        Args:
            deadline: for all servers together.
            introduce: what is said first on the new connection, such as the bind of our own account.

        Raises:
            DirectoryUnavailable: no server could be used; each is named with its cause.
        """
        failures: list[DirectoryUnavailable] = []
        for uri in self.uris:
            try:
                return self._connect_to(uri, deadline, introduce)
            except ServiceAccountRefused:
                raise
            except DirectoryUnavailable as failure:
                failures.append(failure)
        raise DirectoryUnavailable(
            "; ".join(dict.fromkeys(failure.cause for failure in failures)),
            alarm=any(failure.alarm for failure in failures),
        )

    def _connect_to(self, uri: ServerUri, deadline: Deadline, introduce: Callable[[Link], None]) -> Link:
        raw = dial(uri, connect_timeout=self.connect_timeout, deadline=deadline)
        if self.context is not None and uri.scheme == "ldaps":
            raw = secure(raw, self.context, host=uri.host, timeout=self.read_timeout, deadline=deadline)
        wire = TimedSocket(raw, server=uri.text, read_timeout=self.read_timeout, deadline=deadline)
        # A `Server` of its own for each connection: ldap3's remembers a refused address as down for 5 s.
        link = Link.over(Server("localhost", get_info=NONE), wire, name=uri.text)
        try:
            if self.context is not None and uri.scheme == "ldap" and self.start_tls:
                self._start_tls(link, wire, uri, self.context)
            introduce(link)
        except BaseException:
            link.close()
            raise
        return link

    def _start_tls(self, link: Link, wire: TimedSocket, uri: ServerUri, context: ssl.SSLContext) -> None:
        """Go over to TLS before anything else is said (RFC 4511, section 4.14; RFC 4513, section 3.1)."""
        answer = link.extended(_START_TLS)
        if answer.code != 0:
            raise DirectoryUnavailable(
                f"{uri.text} refuses StartTLS, so no password was sent (NETID_LDAP_START_TLS): "
                f"result {answer.code}, {answer.message!r}",
                alarm=True,
            )
        secured = secure(wire.raw, context, host=uri.host, timeout=self.read_timeout, deadline=wire.deadline)
        link.adopt(
            TimedSocket(secured, server=uri.text, read_timeout=self.read_timeout, deadline=wire.deadline)
        )
