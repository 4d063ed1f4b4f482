"""The server refuses to serve other hosts over plain HTTP, or with published passwords."""

import subprocess
import sys
from pathlib import Path

import pytest

from cli import CommandRefused
from cli.server.exposure import refuse_exposure
from settings import Settings
from tests.loading import REAL, load
from tests.servers.netid import PROJECT, environment, free_port

TLS = {"NETID_TLS_CERT_FILE": "cert.pem", "NETID_TLS_KEY_FILE": "key.pem"}
OTHER_HOSTS = ["0.0.0.0:8080", "[::]:8080", "192.0.2.7:8080", "[2001:db8::7]:8080", "login.example.edu:8080"]
LOOPBACK = ["127.0.0.1:8080", "127.8.9.1:8080", "[::1]:8080", "localhost:8080"]


def settings(folder: Path, **environ: str) -> Settings:
    """Load settings; a certificate that they name exists."""
    for file in TLS.values():
        (folder / file).touch(mode=0o600)
    paths = {name: str(folder / value) if name in TLS else value for name, value in environ.items()}
    return load(folder, paths)


def refusal(folder: Path, **environ: str) -> str:
    """The refusal of a server with these settings, a line for each danger."""
    with pytest.raises(CommandRefused) as refused:
        refuse_exposure(settings(folder, **environ))
    return refused.value.message


@pytest.mark.parametrize("bind", OTHER_HOSTS)
def test_plain_http_for_other_hosts_is_refused(tmp_path: Path, bind: str) -> None:
    """Passwords would cross the network unencrypted; the refusal names the remedies."""
    [sentence] = refusal(tmp_path, NETID_BIND=bind, **REAL).splitlines()
    for name in (f"NETID_BIND is {bind}", "NETID_TLS_CERT_FILE", "NETID_ALLOW_PLAIN_HTTP"):
        assert name in sentence


@pytest.mark.parametrize("bind", OTHER_HOSTS)
def test_embedded_directory_for_other_hosts_is_refused(tmp_path: Path, bind: str) -> None:
    """Its passwords are published, so HTTPS does not make it safe."""
    [sentence] = refusal(tmp_path, NETID_BIND=bind, **TLS).splitlines()
    for name in (f"NETID_BIND is {bind}", "NETID_LDAP_URI", "NETID_ALLOW_EMBEDDED_DIRECTORY"):
        assert name in sentence


def test_both_dangers_are_reported_at_once(tmp_path: Path) -> None:
    """An operator who tries NETID_BIND alone sees both mistakes."""
    assert len(refusal(tmp_path, NETID_BIND="0.0.0.0:8080").splitlines()) == 2


def test_accepting_one_danger_does_not_accept_the_other(tmp_path: Path) -> None:
    """Each flag is for one danger."""
    both = {"NETID_BIND": "0.0.0.0:8080"}
    assert "NETID_LDAP_URI" in refusal(tmp_path, NETID_ALLOW_PLAIN_HTTP="on", **both)
    assert "NETID_TLS_CERT_FILE" in refusal(tmp_path, NETID_ALLOW_EMBEDDED_DIRECTORY="on", **both)


@pytest.mark.parametrize("bind", OTHER_HOSTS)
@pytest.mark.parametrize(
    "safe",
    [
        {**TLS, **REAL},
        {"NETID_ALLOW_PLAIN_HTTP": "on", **REAL},
        {"NETID_ALLOW_EMBEDDED_DIRECTORY": "on", **TLS},
        {"NETID_ALLOW_PLAIN_HTTP": "on", "NETID_ALLOW_EMBEDDED_DIRECTORY": "on"},
    ],
    ids=["https and directory", "proxy and directory", "https and trial", "proxy and trial"],
)
def test_other_hosts_are_served_if_both_dangers_are_excluded_or_accepted(
    tmp_path: Path, bind: str, safe: dict[str, str]
) -> None:
    """A certificate or its flag, and a directory or its flag, allow any address."""
    refuse_exposure(settings(tmp_path, NETID_BIND=bind, **safe))


@pytest.mark.parametrize("bind", LOOPBACK)
def test_loopback_addresses_are_served_without_flags(tmp_path: Path, bind: str) -> None:
    """At a loopback address, plain HTTP and the embedded directory need no flag."""
    refuse_exposure(settings(tmp_path, NETID_BIND=bind))


@pytest.mark.slow
@pytest.mark.parametrize("host", ["0.0.0.0", "[::]"])  # noqa: S104 - refused here
@pytest.mark.parametrize("arguments", [(), ("--walkthrough",)])
def test_flask_serve_ends_with_the_refusal(tmp_path: Path, host: str, arguments: tuple[str, ...]) -> None:
    """The command ends with exit status 1 before it listens. The walk-through has HTTPS of its own."""
    ended = subprocess.run(
        [sys.executable, "-m", "flask", "serve", *arguments],
        cwd=PROJECT,
        env=environment(tmp_path / "instance", NETID_BIND=f"{host}:{free_port()}"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert "NETID_ALLOW_EMBEDDED_DIRECTORY" in ended.stderr
    assert ("NETID_ALLOW_PLAIN_HTTP" in ended.stderr) == (not arguments)
