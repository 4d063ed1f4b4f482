"""A real 389 Directory Server for tests, on free loopback ports, with all its files in a temporary folder.

Owns: its configuration, starting and stopping one ns-slapd as a child process, and converting the embedded
directory's users to this server's schema. Must not know: what is tested.

`dscreate` is not used: it writes into /etc and needs systemd. The server itself does not.
"""

import getpass
import hashlib
import io
import os
import shutil
import socket
import subprocess
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from ldif import LDIFParser, LDIFWriter

from tests.servers.process import await_start
from tests.servers.slapd import SUFFIX, free_ports

_TEMPLATE = Path("/usr/share/dirsrv/data/template-dse.ldif")
_SYSTEM = Path("/etc/dirsrv")
_START_SECONDS = 20
_FOLDERS = ("db_dir", "bak_dir", "ldif_dir", "run_dir", "lock_dir", "log_dir", "tmp_dir")

_HEAD = """\
nsslapd-listenhost: 127.0.0.1
nsslapd-securelistenhost: 127.0.0.1
nsslapd-secureport: {tls_port}
nsslapd-security: on
nsslapd-rootpwstoragescheme: SSHA512
nsslapd-pwpolicy-local: on
passwordTrackUpdateTime: on
nsslapd-port:"""

_BACKEND = f"""
dn: cn="{SUFFIX}",cn=mapping tree,cn=config
objectClass: top
objectClass: extensibleObject
objectClass: nsMappingTree
nsslapd-state: backend
cn: "{SUFFIX}"
cn: {SUFFIX}
nsslapd-backend: userRoot

dn: cn=userRoot,cn=ldbm database,cn=plugins,cn=config
objectClass: top
objectClass: extensibleObject
objectClass: nsBackendInstance
cn: userRoot
nsslapd-suffix: {SUFFIX}
nsslapd-directory: {{db_dir}}/userRoot
"""

# The service account reads everything except passwords, users read their own entry, others nothing.
_RULES = [
    f'(targetattr != "userPassword")(version 3.0; acl "{name}"; allow (read, search) userdn = "ldap:///{who}";)'
    for name, who in (("service", f"cn=svc,ou=services,{SUFFIX}"), ("self", "self"))
]

_RENAMED = {"pwdChangedTime": "pwdUpdateTime", "entryUUID": "nsUniqueId"}
# This server does not support start and end dates of an account.
_DROPPED = {"pwdStartTime", "pwdEndTime"}


def require_ds389() -> None:
    """Skip the test if 389-ds is missing; fail it in CI, which should have installed it."""
    if _tool("ns-slapd") is None or not _TEMPLATE.exists():
        if os.environ.get("CI"):
            pytest.fail("389-ds is not installed")
        pytest.skip("389-ds is not installed")


def unique_id(uuid: str) -> str:
    """Format a UUID like this server's unique ids."""
    digits = uuid.replace("-", "")
    return "-".join(digits[first : first + 8] for first in range(0, 32, 8))


def as_on_389ds(ldif: bytes) -> bytes:
    """Convert users from OpenLDAP's schema to this server's."""
    written = io.BytesIO()
    writer = LDIFWriter(written)
    for dn, attributes in LDIFParser(io.BytesIO(ldif), encoding=None).parse():
        if dn is not None and b"pwdPolicy" not in attributes.get("objectClass", []):
            writer.unparse(dn, _translated(dn, attributes))
    return written.getvalue()


def _translated(dn: str, attributes: Mapping[str, list[bytes]]) -> dict[str, list[bytes]]:
    entry = {_RENAMED.get(name, name): values for name, values in attributes.items() if name not in _DROPPED}
    if "nsUniqueId" in entry:
        entry["nsUniqueId"] = [unique_id(entry["nsUniqueId"][0].decode()).encode()]
    if entry.pop("pwdAccountLockedTime", None):
        entry["nsAccountLock"] = [b"true"]
    if "memberOf" in entry:
        entry["objectClass"] = [*entry["objectClass"], b"nsMemberOf"]
    if dn == SUFFIX:
        entry["aci"] = [rule.encode() for rule in _RULES]
    return entry


class Ds389:
    """One 389-ds on 127.0.0.1."""

    def __init__(self, folder: Path, authority: trustme.CA, ldif: bytes) -> None:
        self.folder = folder
        self.port, self.tls_port = free_ports(2)
        self.ca_file = folder / "ca.pem"
        self._process: subprocess.Popen[bytes] | None = None
        # It names a machine-wide semaphore after its configuration's folder.
        self._config = folder / f"slapd-netid-{os.getpid()}-{self.port}"
        folders = {name: folder / name for name in _FOLDERS}
        folders |= {"config_dir": self._config, "cert_dir": self._config}
        folders["schema_dir"] = self._config / "schema"
        for each in (*folders.values(), folders["db_dir"] / "userRoot"):
            each.mkdir(parents=True, exist_ok=True)
        self._configure({**folders, "db_home_dir": folders["db_dir"], "inst_dir": folder})
        self._install_certificate(authority)
        data = folder / "data.ldif"
        data.write_bytes(ldif)
        self._run("ns-slapd", "ldif2db", "-D", self._config, "-n", "userRoot", "-i", data)

    @property
    def ldap(self) -> str:
        """The URI for StartTLS, or without TLS."""
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def ldaps(self) -> str:
        """The URI for TLS from the first byte."""
        return f"ldaps://127.0.0.1:{self.tls_port}"

    def start(self) -> None:
        """Start the server and wait until it listens."""
        # With a debug level, even 0, the server stays in the foreground as our child process.
        self._process = subprocess.Popen(
            [str(_tool("ns-slapd")), "-D", self._config, "-i", str(self.folder / "pid"), "-d", "0"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        await_start(
            self._process,
            lambda: socket.create_connection(("127.0.0.1", self.tls_port), timeout=1).close(),
            OSError,
            self.stop,
        )

    def stop(self) -> None:
        """Stop the process by SIGTERM."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_START_SECONDS)
            self._process = None
        Path(f"/dev/shm/sem.{self._config.name}.stats").unlink(missing_ok=True)  # noqa: S108 - the server's

    def _configure(self, folders: Mapping[str, Path]) -> None:
        salt = os.urandom(8)
        digest = hashlib.sha512(b"admin-password" + salt).digest() + salt
        values = {
            **folders,
            "fqdn": "localhost",
            "ds_port": self.port,
            "ds_user": getpass.getuser(),
            "rootdn": "cn=Directory Manager",
            "ds_passwd": "{SSHA512}" + b64encode(digest).decode(),
            "ds_suffix": SUFFIX,
            "db_lib": "bdb",
            "ldapi_enabled": "off",
            "ldapi": self.folder / "ldapi",
            "ldapi_autobind": "off",
        }
        text = _TEMPLATE.read_text("utf-8")
        for name, value in values.items():
            text = text.replace(f"%{name}%", str(value))
        text = text.replace("nsslapd-port:", _HEAD.format(tls_port=self.tls_port), 1)
        text = text.rstrip() + "\n" + _BACKEND.format(db_dir=folders["db_dir"])
        (self._config / "dse.ldif").write_text(text, "utf-8")
        for file in [*(_SYSTEM / "schema").iterdir(), *(_SYSTEM / "config").iterdir()]:
            shutil.copy(file, folders["schema_dir"] if file.parent.name == "schema" else self._config)

    def _install_certificate(self, authority: trustme.CA) -> None:
        authority.cert_pem.write_to_path(self.ca_file)
        issued = authority.issue_cert("localhost", "127.0.0.1")
        (self.folder / "server.p12").write_bytes(
            serialize_key_and_certificates(
                b"Server-Cert",
                load_pem_private_key(issued.private_key_pem.bytes(), None),  # type: ignore[arg-type]
                x509.load_pem_x509_certificate(issued.cert_chain_pems[0].bytes()),
                [x509.load_pem_x509_certificate(authority.cert_pem.bytes())],
                BestAvailableEncryption(b"secret"),
            )
        )
        self._run("certutil", "-N", "-d", self._config, "--empty-password")
        self._run(
            *("pk12util", "-i", self.folder / "server.p12", "-W", "secret", "-d", self._config, "-K", "")
        )

    def _run(self, tool: str, *arguments: str | Path) -> None:
        done = subprocess.run([str(_tool(tool)), *arguments], capture_output=True, check=False)
        if done.returncode != 0:
            log = self.folder / "log_dir" / "errors"
            output = log.read_text("utf-8") if log.exists() else done.stderr.decode(errors="replace")
            pytest.fail(f"{tool}: {output[-3000:]}")


def _tool(name: str) -> str | None:
    """Find a server's program, which is not on an ordinary user's PATH."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))
