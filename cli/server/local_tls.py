"""A certificate for `localhost`, made on first start, and the CA that verifies it."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

_NAMES = ("localhost", "127.0.0.1", "::1")
# Some clients refuse certificates that live longer than this.
_LIFETIME = timedelta(days=825)


class LocalTls:
    """The files of the local CA and its certificate, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = folder / "ca.pem"
        self.certificate = folder / "localhost.pem"
        self.key = folder / "localhost.key"

    def ensure(self) -> None:
        """Make the files unless they exist and are valid for another day.

        The CA's key is not stored: a browser that trusts the CA trusts this certificate and no later one.

        Raises:
            OSError: the folder cannot be written.
        """
        if self._is_good():
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ends = datetime.now(UTC) + _LIFETIME
        authority = trustme.CA(organization_name="NetID OAuth", organization_unit_name="made on this machine")
        leaf = authority.issue_cert(*_NAMES, not_after=ends)
        key = load_pem_private_key(leaf.private_key_pem.bytes(), password=None)
        self.key.unlink(missing_ok=True)
        self.key.touch(mode=0o600)
        self.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        self.certificate.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        authority.cert_pem.write_to_path(self.ca)

    def _is_good(self) -> bool:
        if not (self.ca.exists() and self.certificate.exists() and self.key.exists()):
            return False
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.certificate, self.key)
            leaf = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        except (OSError, ValueError):
            return False
        return leaf.not_valid_after_utc > datetime.now(UTC) + timedelta(days=1)
