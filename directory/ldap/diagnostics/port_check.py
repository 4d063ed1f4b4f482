"""Finds out which protocol a port speaks, if the protocol of its URI fails.

Owns: trying LDAP without TLS on a port for ldaps://, and TLS on a port for ldap://. No password is sent. Must
not know: our account, users.
"""

import ssl
from collections.abc import Callable

from ldap3 import NONE, Server

from directory.contract import DirectoryUnavailable
from directory.ldap.config import LdapConfig
from directory.ldap.connections.connection import LdapConnection
from directory.ldap.connections.connector import ask_root_dse
from directory.ldap.connections.deadline import Deadline
from directory.ldap.connections.dial import dial
from directory.ldap.connections.sockets import ConnectionLost, DeadlineSocket
from directory.ldap.connections.tls import secure
from directory.ldap.connections.uri import ServerUri, wrong_port
from directory.ldap.diagnostics.report import StepFailed, StepResult

_URI = "NETID_LDAP_URI"


class PortCheck:
    """Explains failures of TLS, and of the first answer of a server."""

    def __init__(self, config: LdapConfig, deadline: Callable[[], Deadline]) -> None:
        """Connect to nothing yet.

        Args:
            config: the settings.
            deadline: makes the deadline of each try.
        """
        self._config = config
        self._deadline = deadline

    def explain(self, uri: ServerUri, step: Callable[[], StepResult]) -> StepResult:
        """Run a step; if no LDAP answer comes and no setting is named, find out what the port speaks.

        Args:
            uri: the server.
            step: uses a new connection to it.

        Raises:
            StepFailed: the step failed. The text says what the port speaks, if that is known.
            DirectoryUnavailable: the server answered with an error, or the failure names another setting.
        """
        try:
            return step()
        except DirectoryUnavailable as failure:
            # A result that the server sent has no cause: then the port is right.
            is_lost = isinstance(failure, ConnectionLost) or failure.__cause__ is not None
            names_other = "NETID_" in failure.cause and _URI not in failure.cause
            # A server may wait in silence for the rest of a message of another protocol.
            is_silent = "NETID_LDAP_READ_TIMEOUT" in failure.cause
            if not is_silent and (names_other or not is_lost):
                raise
            question = self._question(uri) or (None if is_silent else wrong_port(uri))
            if question is None:
                raise
            raise StepFailed(f"{failure.cause.split(' (')[0]}: {question}", _URI) from failure

    def _question(self, uri: ServerUri) -> str | None:
        """Say what the port speaks, if that is not what the URI says."""
        if uri.scheme == "ldaps" and self._speaks_ldap(uri):
            return (
                "the port answers LDAP without TLS. ldaps:// on a plain port? Write ldap:// with "
                "NETID_LDAP_START_TLS, or the port for ldaps, often 636"
            )
        if uri.scheme == "ldap" and self._speaks_tls(uri):
            return "the port speaks TLS from the start. ldap:// on a port for ldaps? Write ldaps://"
        return None

    def _speaks_ldap(self, uri: ServerUri) -> bool:
        """Read the root DSE without TLS and without a bind."""
        deadline = self._deadline()
        try:
            raw = dial(uri, connect_timeout=self._config.connect_timeout, deadline=deadline)
            timeout = self._config.read_timeout
            sock = DeadlineSocket(raw, server=uri.text, read_timeout=timeout, deadline=deadline)
            link = LdapConnection.over(Server("localhost", get_info=NONE), sock, name=uri.text)
            try:
                ask_root_dse(link)
            finally:
                link.close()
        except DirectoryUnavailable:
            return False
        return True

    def _speaks_tls(self, uri: ServerUri) -> bool:
        """Begin a handshake. Any certificate proves TLS: nothing is sent over the connection."""
        context = ssl.create_default_context()
        deadline = self._deadline()
        try:
            raw = dial(uri, connect_timeout=self._config.connect_timeout, deadline=deadline)
            secure(raw, context, host=uri.host, timeout=self._config.read_timeout, deadline=deadline).close()
        except DirectoryUnavailable as failure:
            return isinstance(failure.__cause__, ssl.SSLCertVerificationError)
        return True
