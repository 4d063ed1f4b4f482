"""A real Active Directory domain controller for tests: Samba, on its own loopback address.

Owns: provisioning a domain into a temporary folder, starting and stopping one samba as a child process, and
an administrator's changes of accounts over LDAP. Must not know: what is tested.

Samba always listens on ports 389 and 636, so only root can start it.
"""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import trustme
from ldap3 import BASE, MODIFY_REPLACE, NONE, Connection, Server, Tls

from tests.servers.process import await_start

REALM = "AD.CAMPUS.EXAMPLE"
DOMAIN = "DC=ad,DC=campus,DC=example"
PEOPLE = f"OU=people,{DOMAIN}"
ADMINISTRATOR = f"CN=Administrator,CN=Users,{DOMAIN}"
PASSWORD = "Passw0rd-Admin!"
_HOST = "dc1.ad.campus.example"
_START_SECONDS = 30
_LDAP, _LDAPS, _HELD = 389, 636, 30389

Value = str | int | bytes | list[str]

_CONFIGURATION = """\
[global]
netbios name = DC1
realm = {realm}
workgroup = CAMPUS
server role = active directory domain controller
server services = ldap
interfaces = {address}/8
bind interfaces only = yes
private dir = {folder}/private
state directory = {folder}/state
cache directory = {folder}/cache
lock directory = {folder}
pid directory = {folder}
ncalrpc dir = {folder}/ncalrpc
binddns dir = {folder}/bind-dns
log file = {folder}/log
tls enabled = yes
tls keyfile = tls/key.pem
tls certfile = tls/cert.pem
tls cafile = tls/ca.pem
"""


def require_samba() -> None:
    """Skip the test if Samba cannot run; fail it in CI, which should have installed it."""
    missing = [tool for tool in ("samba", "samba-tool") if _tool(tool) is None]
    if not missing and os.geteuid() == 0:
        return
    reason = f"{' and '.join(missing)} not installed" if missing else "only root can start Samba"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _reserve_address() -> socket.socket:
    """Find a loopback address without an LDAP server, and reserve it from other runs of the tests.

    The server starts seconds later, so a socket on another port holds the address until then.
    """
    for last in range(30, 255):
        address = f"127.0.0.{last}"
        try:
            held = socket.create_server((address, _HELD))
        except OSError:
            continue
        try:
            for port in (_LDAP, _LDAPS):
                socket.create_server((address, port)).close()
        except OSError:
            held.close()
            continue
        return held
    pytest.fail("every loopback address has an LDAP server")


class Samba:
    """One domain controller. Tests add its users over LDAP while it runs."""

    def __init__(self, folder: Path, authority: trustme.CA) -> None:
        self._held = _reserve_address()
        self.address: str = self._held.getsockname()[0]
        self.folder = folder / "domain"
        self.ca_file = folder / "ca.pem"
        self._process: subprocess.Popen[bytes] | None = None
        self._administrator: Connection | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._provision()
        authority.cert_pem.write_to_path(self.ca_file)
        tls = self.folder / "private" / "tls"
        tls.mkdir(exist_ok=True)
        issued = authority.issue_cert(_HOST, self.address)
        issued.private_key_pem.write_to_path(tls / "key.pem")
        (tls / "key.pem").chmod(0o600)
        issued.cert_chain_pems[0].write_to_path(tls / "cert.pem")
        authority.cert_pem.write_to_path(tls / "ca.pem")
        # The provisioned configuration names a DNS forwarder, printers and shares.
        (self.folder / "smb.conf").write_text(
            _CONFIGURATION.format(realm=REALM, folder=self.folder, address=self.address), "utf-8"
        )

    @property
    def ldap(self) -> str:
        """The URI for StartTLS."""
        return f"ldap://{self.address}"

    @property
    def ldaps(self) -> str:
        """The URI for TLS from the first byte."""
        return f"ldaps://{self.address}"

    def start(self) -> None:
        """Start the server and wait until it listens."""
        self._process = subprocess.Popen(
            [str(_tool("samba")), "-s", str(self.folder / "smb.conf"), "-i", "-M", "single"],
            stdin=subprocess.PIPE,  # samba exits when its standard input ends
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        await_start(
            self._process,
            lambda: socket.create_connection((self.address, _LDAPS), timeout=1).close(),
            OSError,
            self.stop,
        )

    def stop(self) -> None:
        """Stop the process and its children."""
        if self._administrator is not None:
            self._administrator.unbind()
            self._administrator = None
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait(_START_SECONDS)
            self._process = None
        self._held.close()

    def add(self, dn: str, **attributes: Value) -> None:
        """Add an entry."""
        self._done(done=self._connection().add(dn, attributes=attributes))

    def add_person(
        self, name: str, password: str, *, control: int = 512, cn: str | None = None, **attributes: Value
    ) -> str:
        """Add a user and return the DN.

        Args:
            name: sAMAccountName.
            password: must satisfy the domain's policy.
            control: userAccountControl; 512 is an ordinary account (MS-ADTS, 2.2.16).
            cn: common name in the DN, escaped; `name` by default.
            attributes: further attributes of the entry.
        """
        dn = f"CN={cn or name},{PEOPLE}"
        quoted = f'"{password}"'.encode("utf-16-le")
        self.add(
            dn,
            objectClass=["top", "person", "organizationalPerson", "user"],
            sAMAccountName=name,
            unicodePwd=quoted,
            userAccountControl=control,
            **attributes,
        )
        return dn

    def set_password(self, dn: str, password: str) -> None:
        """Replace the password of an entry (MS-ADTS, 3.1.1.3.1.5)."""
        quoted = f'"{password}"'.encode("utf-16-le")
        self._done(done=self._connection().modify(dn, {"unicodePwd": [(MODIFY_REPLACE, [quoted])]}))

    def read(self, dn: str, attribute: str) -> bytes:
        """Read the first value of an attribute."""
        connection = self._connection()
        self._done(done=connection.search(dn, "(objectClass=*)", BASE, attributes=[attribute]))
        value: bytes = connection.response[0]["raw_attributes"][attribute][0]
        return value

    def change(self, dn: str, changes: Mapping[str, str | int | list[str]]) -> None:
        """Replace attributes of an entry."""
        modifications = {
            name: [(MODIFY_REPLACE, value if isinstance(value, list) else [str(value)])]
            for name, value in changes.items()
        }
        self._done(done=self._connection().modify(dn, modifications))

    def _connection(self) -> Connection:
        """Return the administrator's connection, opened at the first use."""
        if self._administrator is None:
            tls = Tls(ca_certs_file=str(self.ca_file))
            server = Server(self.address, port=_LDAPS, use_ssl=True, tls=tls, get_info=NONE)
            self._administrator = Connection(server, ADMINISTRATOR, PASSWORD, auto_bind=True)
        return self._administrator

    def _done(self, *, done: bool) -> None:
        if not done:
            assert self._administrator is not None
            pytest.fail(f"{self._administrator.result}")

    def _provision(self) -> None:
        done = subprocess.run(
            [
                *(str(_tool("samba-tool")), "domain", "provision", f"--targetdir={self.folder}"),
                *(f"--realm={REALM}", "--domain=CAMPUS", "--server-role=dc", "--dns-backend=SAMBA_INTERNAL"),
                *(
                    f"--adminpass={PASSWORD}",
                    "--host-name=dc1",
                    f"--host-ip={self.address}",
                    "--use-rfc2307",
                ),
                *(f"--option=interfaces={self.address}/8", "--option=bind interfaces only=yes"),
                "--option=vfs objects=",
            ],
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            pytest.fail(f"samba-tool: {done.stderr.decode(errors='replace')[-3000:]}")


def _tool(name: str) -> str | None:
    """Find a server's program, which is not on an ordinary user's PATH."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))
