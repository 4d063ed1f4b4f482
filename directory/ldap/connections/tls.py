"""TLS to the directory; the certificate is always verified.

Owns: the trusted authorities, and that the certificate names the host of the URI. Must not know: LDAP,
people.

ldap3's own `Tls` is not used: it does not verify by default, matches no IP address in a certificate and sends
no server name. Python's `SSLContext` does all three (RFC 6125, section 6; RFC 4513, section 3.1.3).
"""

import socket
import ssl
from pathlib import Path
from typing import Final

from directory.contract import DirectoryUnavailable
from directory.ldap.connections.deadline import Deadline
from directory.ldap.connections.sockets import ConnectionLost

# OpenSSL's reasons for an answer that is not TLS.
_NOT_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"})


def verified_context(
    *, ca_file: Path | None, cert_file: Path | None, key_file: Path | None
) -> ssl.SSLContext:
    """Make the context for all TLS connections: TLS 1.2 or later, with certificate and host name verified.

    Args:
        ca_file: PEM bundle of the trusted authorities; None for the system's store.
        cert_file: our client certificate, if the directory requires one.
        key_file: the key of `cert_file`.

    Raises:
        OSError: a file cannot be read, or holds no usable certificate or key (`ssl.SSLError` is an OSError).
    """
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if cert_file is not None:
        context.load_cert_chain(cert_file, key_file)
    return context


def secure(
    raw: socket.socket, context: ssl.SSLContext, *, host: str, timeout: float, deadline: Deadline
) -> ssl.SSLSocket:
    """Start TLS on an open socket; on failure the socket is closed.

    Args:
        raw: the open socket; the returned socket owns it.
        context: from `verified_context`.
        host: the name or IP address that the certificate must hold.
        timeout: seconds for the handshake.
        deadline: of the login that needs the connection.

    Raises:
        DirectoryUnavailable: the handshake took too long, or the certificate was not accepted.
    """
    wrapped = None
    try:
        wrapped = context.wrap_socket(raw, server_hostname=host, do_handshake_on_connect=False)
        wrapped.settimeout(deadline.within(timeout))
        wrapped.do_handshake()
    except BaseException as error:
        raw.close()
        if wrapped is not None:
            wrapped.close()
        if isinstance(error, OSError | ValueError):
            raise _failure(host, error) from error
        raise
    return wrapped


def _failure(host: str, error: Exception) -> DirectoryUnavailable:
    """Name the cause. A timeout or a lost connection raises no alarm, since it may pass by itself."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return DirectoryUnavailable(
            f"the certificate of {host} is not accepted: {error.verify_message} (NETID_LDAP_CA_FILE)",
            alarm=True,
        )
    cause = f"no TLS with {host}: {error}"
    if isinstance(error, ConnectionError | ssl.SSLEOFError):
        return ConnectionLost(cause)
    if isinstance(error, ssl.SSLError) and (error.reason or "") in _NOT_TLS:
        cause += " (ldaps:// on a plain port? NETID_LDAP_URI)"
    return DirectoryUnavailable(cause, alarm=not isinstance(error, TimeoutError))
