"""A real OpenLDAP server for tests, on free loopback ports, with its data in a temporary folder.

Owns: starting, freezing, killing and stopping one slapd as a child process. Must not know: what is tested.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme

from tests.servers.process import await_start

SCHEMA = Path(__file__).with_name("eduperson.schema")
SUFFIX = "dc=campus,dc=example"
SIZE = 32 * 1024 * 1024
_START_SECONDS = 10

_CONFIGURATION = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include {schema}
pidfile {folder}/slapd.pid
argsfile {folder}/slapd.args
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload ppolicy
moduleload memberof
TLSCACertificateFile {folder}/ca.pem
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.pem
TLSVerifyClient {verify_client}
{more}
database mdb
maxsize {size}
suffix "{suffix}"
rootdn "cn=admin,{suffix}"
rootpw admin
directory {folder}/db
index objectClass,uid,entryUUID eq
{access}
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=svc,ou=services,{suffix}" read by self read by anonymous auth by * none
overlay memberof
overlay ppolicy
ppolicy_default "cn=default,ou=policies,{suffix}"
ppolicy_use_lockout
"""


@dataclass(frozen=True, kw_only=True)
class SlapdSettings:
    """The settings of one slapd.

    `more` is added to the global part of its configuration, and `access` before the access rules.
    """

    verify_client: str = "never"
    more: str = ""
    access: str = ""


def require_slapd() -> None:
    """Skip the test if slapd is missing; fail it in CI, which should have installed it."""
    if shutil.which("slapd", path=_path()) is None:
        if os.environ.get("CI"):
            pytest.fail("slapd is not installed")
        pytest.skip("slapd is not installed")


def free_ports(count: int) -> list[int]:
    """Find free ports."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class Slapd:
    """One slapd on 127.0.0.1 and 127.0.0.2. Its certificate names the first address only."""

    def __init__(
        self,
        folder: Path,
        authority: trustme.CA,
        ldif: bytes,
        settings: SlapdSettings | None = None,
        *,
        size: int = SIZE,
    ) -> None:
        """Load the database, which may hold `size` octets."""
        self.folder = folder
        self.port, self.tls_port = free_ports(2)
        self.ca_file = folder / "ca.pem"
        self._process: subprocess.Popen[bytes] | None = None
        settings = settings or SlapdSettings()
        (folder / "db").mkdir(parents=True)
        authority.cert_pem.write_to_path(self.ca_file)
        authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
            folder / "server.pem"
        )
        (folder / "slapd.conf").write_text(
            _CONFIGURATION.format(
                folder=folder,
                schema=SCHEMA,
                suffix=SUFFIX,
                verify_client=settings.verify_client,
                more=settings.more,
                access=settings.access,
                size=size,
            )
        )
        (folder / "data.ldif").write_bytes(ldif)
        self._run("slapadd", "-q", "-l", str(folder / "data.ldif"))

    @property
    def ldap(self) -> str:
        """The URI for StartTLS, or without TLS."""
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def ldaps(self) -> str:
        """The URI for TLS from the first byte."""
        return f"ldaps://127.0.0.1:{self.tls_port}"

    @property
    def ldapi(self) -> str:
        """The URI of the Unix socket."""
        return f"ldapi://{quote(str(self.folder / 'ldapi'), safe='')}"

    @property
    def pid(self) -> int:
        """The process id while it runs."""
        assert self._process is not None
        return self._process.pid

    def start(self, *, log: Path | None = None) -> None:
        """Start the server and wait until it listens. With `log`, it writes its operations to that file."""
        addresses = [
            f"{scheme}://{host}:{port}"
            for host in ("127.0.0.1", "127.0.0.2")
            for scheme, port in (("ldap", self.port), ("ldaps", self.tls_port))
        ]
        # With a debug level, even 0, the server stays in the foreground as our child process.
        level = "0" if log is None else "stats"
        with (log or Path(os.devnull)).open("wb") as stream:
            self._process = subprocess.Popen(
                [
                    *("slapd", "-f", self.folder / "slapd.conf"),
                    *("-h", " ".join([*addresses, self.ldapi]), "-d", level),
                ],
                env={"PATH": _path()},
                stderr=stream,
            )
        await_start(
            self._process,
            lambda: socket.create_connection(("127.0.0.1", self.tls_port), timeout=1).close(),
            OSError,
            self.stop,
        )

    def freeze(self) -> None:
        """Freeze the process: the kernel accepts connections, but nothing answers."""
        self._signal(signal.SIGSTOP)
        # The signal may not have taken effect yet, so a thread may still answer.
        while any(state != "T" for state in self._states()):
            time.sleep(0.001)

    def thaw(self) -> None:
        """Resume a frozen process."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill the process, like a crash."""
        self._signal(signal.SIGKILL)
        self._reap()

    def stop(self) -> None:
        """Stop the process by SIGTERM, frozen or not."""
        if self._process is not None:
            self._signal(signal.SIGCONT)
            self._signal(signal.SIGTERM)
            self._reap()

    def _states(self) -> list[str]:
        """Return the kernel's state letter of each thread."""
        threads = Path(f"/proc/{self.pid}/task").iterdir()
        return [(thread / "stat").read_text().rpartition(")")[2].split()[0] for thread in threads]

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _reap(self) -> None:
        if self._process is not None:
            self._process.wait(_START_SECONDS)
            self._process = None

    def _run(self, tool: str, *arguments: str) -> None:
        done = subprocess.run(
            [tool, "-f", self.folder / "slapd.conf", *arguments],
            env={"PATH": _path()},
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            pytest.fail(f"{tool}: {done.stderr.decode(errors='replace')}")


def _path() -> str:
    """Return a PATH that includes the folders of servers."""
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
