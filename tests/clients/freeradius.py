"""A FreeRADIUS that checks passwords as docs/recipes/freeradius.md says, and its clients.

Owns: Debian's configuration with the page's files, starting the server, and sending Access-Requests. Must not
know: what is tested.
"""

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme

from tests.clients.conftest import PLAIN_SECRET, RADIUS, Service
from tests.clients.recipes import Recipe, missing, program
from tests.servers.netid import free_port

RECIPE = Recipe("freeradius")
INSTALLED = Path("/etc/freeradius/3.0")
MODULE = Path("/usr/lib/freeradius/rlm_rest.so")
SECRET = "testing123"
_START_SECONDS = 30
_LISTEN = re.compile(r"^listen \{.*?^\}\n", re.MULTILINE | re.DOTALL)

ACCEPT, REJECT, SILENCE = "Access-Accept", "Access-Reject", "no answer"


def _configure(folder: Path, service: Service, port: int, secret: str) -> Path:
    """Copy Debian's configuration, and change it as the page says. Return its folder."""
    home = folder / "raddb"
    shutil.copytree(INSTALLED, home, symlinks=True)
    values = {"API_CLIENT_ID": RADIUS, "API_CLIENT_SECRET": secret}
    for path, written in RECIPE.write(folder, service, values).items():
        shutil.copy(written, home / Path(path).relative_to(INSTALLED))
    first_lines = dict(zip(("authorize", "authenticate"), RECIPE.blocks("text")[-2:], strict=True))
    for site in ("default", "inner-tunnel"):
        file = home / "sites-available" / site
        # Debian's sockets have fixed ports.
        text = _LISTEN.sub("", file.read_text("utf-8"))
        for section, lines in first_lines.items():
            text = text.replace(f"\n{section} {{\n", f"\n{section} {{\n{lines}")
        file.write_text(text, "utf-8")
    default = home / "sites-available" / "default"
    socket = f"listen {{\ntype = auth\nipaddr = 127.0.0.1\nport = {port}\n}}\n"
    text = default.read_text("utf-8").replace("server default {\n", f"server default {{\n{socket}")
    default.write_text(text, "utf-8")
    radiusd = home / "radiusd.conf"
    text = re.sub(r"^\s*(user|group) = freerad$", "", radiusd.read_text("utf-8"), flags=re.MULTILINE)
    for name, value in {"logdir": folder, "raddbdir": home, "run_dir": folder}.items():
        text = re.sub(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.MULTILINE)
    radiusd.write_text(text, "utf-8")
    _issue_certificate(home)
    return home


def _issue_certificate(home: Path) -> None:
    """Give EAP a certificate of its own, with the CA that the test's device trusts."""
    authority = trustme.CA()
    server = authority.issue_cert("radius.campus.example")
    server.private_key_and_cert_chain_pem.write_to_path(str(home / "certs" / "server.pem"))
    authority.cert_pem.write_to_path(str(home / "certs" / "ca.pem"))
    eap = home / "mods-available" / "eap"
    text = re.sub(
        r"(private_key_file|certificate_file) = \S+", r"\1 = ${certdir}/server.pem", eap.read_text("utf-8")
    )
    text = re.sub(r"ca_file = \S+", "ca_file = ${certdir}/ca.pem", text)
    eap.write_text(text.replace("default_eap_type = md5", "default_eap_type = ttls"), "utf-8")


class Radius:
    """A running FreeRADIUS, as an access point knows it."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder, self._port = folder, port

    def pap(self, user: str, password: str, seconds: int = 5) -> str:
        """Send one Access-Request (RFC 2865), and return the kind of the answer."""
        quoted = password.replace("\\", "\\\\").replace('"', '\\"')
        done = subprocess.run(
            [program("radclient"), "-t", str(seconds), "-r", "1", f"127.0.0.1:{self._port}", "auth", SECRET],
            input=f'User-Name = "{user}"\nUser-Password = "{quoted}"\nMessage-Authenticator = 0x00\n',
            capture_output=True,
            text=True,
            check=False,
        )
        found = re.search(r"Received (Access-\w+)", done.stdout)
        assert found or "Sent Access-Request" in done.stdout, done
        return found[1] if found else SILENCE

    def ttls(self, user: str, password: str, seconds: int = 5) -> str:
        """Log in as a device does, by EAP-TTLS with PAP inside (RFC 5281). Return the kind of the answer."""
        network = self._folder / f"network-{time.monotonic_ns()}.conf"
        network.write_text(
            f'network={{\nssid="campus"\nkey_mgmt=WPA-EAP\neap=TTLS\nanonymous_identity="anonymous"\n'
            f'identity="{user}"\npassword="{password}"\nphase2="auth=PAP"\n'
            f'ca_cert="{self._folder}/raddb/certs/ca.pem"\n}}\n',
            "utf-8",
        )
        address = ["-a", "127.0.0.1", "-p", str(self._port), "-s", SECRET]
        done = subprocess.run(
            [program("eapol_test"), "-c", str(network), "-t", str(seconds), *address],
            capture_output=True,
            text=True,
            check=False,
        )
        for code, kind in ((2, ACCEPT), (3, REJECT)):
            if f"RADIUS message: code={code} " in done.stdout:
                return kind
        return SILENCE


@contextmanager
def radius(service: Service, secret: str = PLAIN_SECRET) -> Iterator[Radius]:
    """Run a FreeRADIUS that asks a server for the length of a block."""
    command = program("freeradius")
    program("radclient")
    if not MODULE.exists():
        missing("freeradius-rest")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        port = free_port()
        home = _configure(folder, service, port, secret)
        output = folder / "output.log"
        with output.open("w") as stream:
            process = subprocess.Popen(
                [command, "-f", "-l", "stdout", "-d", str(home)], stdout=stream, stderr=subprocess.STDOUT
            )
            try:
                until = time.monotonic() + _START_SECONDS
                while "Ready to process requests" not in output.read_text("utf-8"):
                    assert process.poll() is None, output.read_text("utf-8")
                    assert time.monotonic() < until, output.read_text("utf-8")
                    time.sleep(0.05)
                yield Radius(folder, port)
            finally:
                process.terminate()
                process.wait(30)
