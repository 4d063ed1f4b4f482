"""TLS to the directory is always verified (RFC 4513, section 3)."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from directory import Directory, DirectoryUnavailable
from directory.ldap import ConfigError, LdapConfig, open_directory
from directory.ldap.connections.tls import verified_context
from tests.directory.conformance import ALICE
from tests.directory.scripted import EXTENDED, Scripted, result
from tests.servers.slapd import Slapd


@pytest.fixture
def other_ca(tmp_path: Path) -> Path:
    """An authority that issued no test server's certificate."""
    path = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(path)
    return path


def no_login(directory: Directory, cause: str) -> None:
    """Log in repeatedly; each login must end in an alarm with this cause."""
    for _ in range(2):
        with pytest.raises(DirectoryUnavailable, match=cause) as caught:
            directory.find("alice").verify("alice-password")
        assert caught.value.alarm
        assert "password" not in caught.value.cause.replace("NETID_LDAP_BIND_PASSWORD", "")


@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
def test_certificate_of_another_host_is_refused(
    on_slapd: Callable[..., Directory], slapd: Slapd, scheme: str
) -> None:
    """An IP address must match too (RFC 4513, 3.1.3)."""
    uri = getattr(slapd, scheme).replace("127.0.0.1", "127.0.0.2")
    no_login(on_slapd(slapd, uris=(uri,)), "certificate of 127.0.0.2 is not accepted: IP address mismatch")


@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
def test_certificate_of_the_host_is_accepted(
    on_slapd: Callable[..., Directory], slapd: Slapd, scheme: str
) -> None:
    """The certificate names the host (RFC 6125, 6.4)."""
    uri = getattr(slapd, scheme).replace("127.0.0.1", "localhost")
    assert on_slapd(slapd, uris=(uri,)).find("alice").verify("alice-password").id == ALICE


@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
def test_certificate_of_an_unknown_authority_is_refused(
    on_slapd: Callable[..., Directory], slapd: Slapd, other_ca: Path, scheme: str
) -> None:
    """The cause names the setting."""
    directory = on_slapd(slapd, uris=(getattr(slapd, scheme),), ca_file=other_ca)
    no_login(directory, "NETID_LDAP_CA_FILE")


@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
def test_system_store_is_the_default(on_slapd: Callable[..., Directory], slapd: Slapd, scheme: str) -> None:
    """Without a CA file the system's store decides; it does not know the test's authority."""
    no_login(on_slapd(slapd, uris=(getattr(slapd, scheme),), ca_file=None), "NETID_LDAP_CA_FILE")


def test_impostor_reads_no_password(opened: Callable[..., Directory], slapd: Slapd) -> None:
    """A man in the middle accepts StartTLS but has no certificate of the host."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    read: list[bytes] = []

    class Impostor(Scripted):
        def serve(self, connection: Any) -> None:
            request = self.read_request(connection)
            end = 2 + 2 + request[3]
            connection.sendall(result(EXTENDED, int.from_bytes(request[4:end], "big")))
            try:
                with context.wrap_socket(connection, server_side=True) as secured:
                    read.append(secured.recv(4096))
            except OSError:
                connection.close()

    with Impostor() as impostor:
        directory = opened(
            uris=(impostor.uri,),
            ca_file=slapd.ca_file,
            user_base="dc=x",
            bind_dn="cn=svc",
            bind_password="svc-password",
        )
        no_login(directory, "NETID_LDAP_CA_FILE")
        assert b"password" not in impostor.received
    assert b"".join(read) == b""


def test_plain_server_behind_ldaps_is_an_alarm(on_slapd: Callable[..., Directory], slapd: Slapd) -> None:
    """A server that does not use TLS on that port is a wrong setting."""
    uri = slapd.ldap.replace("ldap:", "ldaps:")
    with pytest.raises(DirectoryUnavailable, match="no TLS with"):
        on_slapd(slapd, uris=(uri,)).find("alice").verify("alice-password")


def test_tls_before_1_2_is_refused() -> None:
    """Certificate and host name are always verified (RFC 8996)."""
    context = verified_context(ca_file=None, cert_file=None, key_file=None)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_client_certificate_is_sent(
    on_slapd: Callable[..., Directory],
    new_slapd: Callable[..., Slapd],
    authority: trustme.CA,
    tmp_path: Path,
) -> None:
    """A server that requires a certificate gets ours; without one TLS fails (RFC 4513, 3.1.4)."""
    issued = authority.issue_cert("netid.campus.example")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    issued.cert_chain_pems[0].write_to_path(cert)
    issued.private_key_pem.write_to_path(key)
    key.chmod(0o600)
    server = new_slapd(verify_client="demand")
    directory = on_slapd(server, client_cert_file=cert, client_key_file=key)
    assert directory.find("alice").verify("alice-password").id == ALICE
    with pytest.raises(DirectoryUnavailable):
        on_slapd(server).find("alice").verify("alice-password")


def test_unusable_files_are_refused(opened: Callable[..., Directory], tmp_path: Path) -> None:
    """A file that holds no certificate is a mistake in the settings."""
    path = tmp_path / "empty.pem"
    path.write_text("nothing")
    with pytest.raises(ConfigError, match="NETID_LDAP_CA_FILE"):
        opened(uris=("ldaps://127.0.0.1",), user_base="dc=x", ca_file=path)


def test_failed_handshakes_leave_no_thread_and_no_socket(
    on_slapd: Callable[..., Directory], slapd: Slapd, other_ca: Path
) -> None:
    """Refusing a server leaks nothing (an unclosed socket is an error in these tests)."""
    before = threading.active_count()
    directory = on_slapd(slapd, uris=(slapd.ldaps, slapd.ldap), ca_file=other_ca)
    for _ in range(5):
        no_login(directory, "NETID_LDAP_CA_FILE")
    assert threading.active_count() == before


def test_expired_certificate_is_refused(authority: trustme.CA, tmp_path: Path) -> None:
    """It raises an alarm, since an operator must act (RFC 5280, 4.1.2.5)."""
    ended = datetime.now(UTC) - timedelta(days=1)
    leaf = authority.issue_cert("127.0.0.1", not_after=ended, not_before=ended - timedelta(days=9))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)

    def serve(listener: socket.socket) -> None:
        raw, _ = listener.accept()
        with raw, contextlib.suppress(OSError):
            context.wrap_socket(raw, server_side=True).close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        uri = f"ldaps://127.0.0.1:{listener.getsockname()[1]}"
        directory = open_directory(LdapConfig(uris=(uri,), ca_file=ca_file, user_base="dc=x"))
        with pytest.raises(DirectoryUnavailable, match="expired") as caught:
            directory.ping()
        directory.close()
        thread.join()
    assert caught.value.alarm
