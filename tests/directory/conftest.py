"""Fixtures of directories and servers for the directory's tests."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
import trustme

from directory import Directory, DirectoryUnavailable
from directory.ldap import LdapConfig, open_directory
from tests.servers.slapd import Slapd, SlapdSettings, require_slapd

pytest.register_assert_rewrite(
    "tests.directory.conformance",
    "tests.directory.account_conformance",
    "tests.directory.filter_conformance",
    "tests.directory.lockout_conformance",
    "tests.directory.shield_conformance",
)

CAMPUS = Path(__file__).parents[2] / "directory" / "campus.ldif"
EXTRA = Path(__file__).with_name("extra.ldif")
SERVICE = "cn=svc,ou=services,dc=campus,dc=example"


class MovedClock:
    """A monotonic clock that runs, and that a test can advance."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def __call__(self) -> float:
        """Return seconds since a fixed moment."""
        return time.monotonic() + self._ahead

    def move(self, seconds: float) -> None:
        """Advance the clock by some seconds."""
        self._ahead += seconds


def recovers_within(seconds: float, ask: Callable[[], object]) -> None:
    """Require that a query succeeds within some seconds, and repeat it until then."""
    until = time.monotonic() + seconds
    while True:
        try:
            ask()
        except DirectoryUnavailable:
            assert time.monotonic() < until
            time.sleep(0.02)
        else:
            return


class OpenWith(Protocol):
    """Opens a directory with some settings changed."""

    def __call__(self, **changes: Any) -> Directory:
        """Open the directory. It is closed after the test."""
        ...


@pytest.fixture
def opened() -> Iterator[Callable[..., Directory]]:
    """Open directories by their settings, and close them after the test."""
    directories = []

    def open_it(
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        **settings: Any,
    ) -> Directory:
        # Tests renew connections more often than an operator may set.
        lifetime = {name: settings.pop(name) for name in ("connection_lifetime",) if name in settings}
        config = LdapConfig(**settings).model_copy(update=lifetime)
        directories.append(open_directory(config, clock=clock, monotonic=monotonic))
        return directories[-1]

    yield open_it
    for directory in directories:
        directory.close()


@pytest.fixture(scope="session")
def everyone() -> bytes:
    """The LDIF of the embedded directory, with further entries for tests."""
    return CAMPUS.read_bytes() + b"\n" + EXTRA.read_bytes()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """The authority that issues the test servers' certificates."""
    return trustme.CA()


@pytest.fixture(scope="session")
def slapd(
    tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA, everyone: bytes
) -> Iterator[Slapd]:
    """A slapd for all tests that do not change it."""
    require_slapd()
    server = Slapd(tmp_path_factory.mktemp("slapd") / "data", authority, everyone)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def new_slapd(tmp_path: Path, authority: trustme.CA, everyone: bytes) -> Iterator[Callable[..., Slapd]]:
    """Start slapds for one test, with other settings, or without the entry `but`."""
    require_slapd()
    servers: list[Slapd] = []

    def make(more_ldif: bytes = b"", *, but: bytes | None = None, **settings: str) -> Slapd:
        folder = tmp_path / f"slapd{len(servers)}"
        entries = everyone.split(b"\n\n")
        ldif = b"\n\n".join(entry for entry in entries if but is None or b"dn: " + but not in entry)
        servers.append(Slapd(folder, authority, ldif + more_ldif, SlapdSettings(**settings)))
        servers[-1].start()
        return servers[-1]

    yield make
    for server in servers:
        server.stop()


@pytest.fixture
def on_slapd(opened: Callable[..., Directory]) -> Callable[..., Directory]:
    """Open a directory on a given slapd, by default over StartTLS and with the service account."""

    def open_it(server: Slapd, **changes: Any) -> Directory:
        settings = {
            "uris": (server.ldap,),
            "ca_file": server.ca_file,
            "bind_dn": SERVICE,
            "bind_password": "svc-password",
            "user_base": "ou=people,dc=campus,dc=example",
        }
        return opened(**{**settings, **changes})

    return open_it
