"""A real PostgreSQL server for tests, on a free loopback port, with its data in a temporary folder.

Owns: starting, freezing and stopping one PostgreSQL as a child process, and its databases. Must not know:
what is tested.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from signal import SIGCONT, SIGINT, SIGSTOP, Signals

import psycopg
import pytest
from psycopg import sql

from tests.servers.process import await_start
from tests.servers.slapd import free_ports

_BINARIES = Path("/usr/lib/postgresql/15/bin")
_ACCOUNT = "postgres"
_START_SECONDS = 20
_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "40",
}


def require_postgresql() -> None:
    """Skip the test if PostgreSQL is missing; fail it in CI, which should have installed it."""
    if not (_BINARIES / "postgres").exists():
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL 15 is not installed")
        pytest.skip("PostgreSQL 15 is not installed")


class Postgresql:
    """One PostgreSQL on 127.0.0.1 without authentication; `options` replace the default ones."""

    def __init__(self, options: Mapping[str, str] | None = None) -> None:
        self._options = {**_OPTIONS, **(options or {})}
        # Not below pytest's own folder, which the server's account may not enter.
        self.folder = Path(tempfile.mkdtemp(prefix="netid-postgresql-"))
        self._as_account: Sequence[str] = ()
        if os.geteuid() == 0:
            account = pwd.getpwnam(_ACCOUNT)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            # It execs the program, so that the server is our child process.
            self._as_account = ("setpriv", f"--reuid={_ACCOUNT}", f"--regid={_ACCOUNT}", "--clear-groups")
        self.port = free_ports(1)[0]
        self._process: subprocess.Popen[bytes] | None = None
        initdb = ("initdb", "--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C", "-U", _ACCOUNT)
        self.run(*initdb, "-D", str(self.folder / "data"))

    def url(self, database: str) -> str:
        """Return the URL of a database for the application."""
        return f"postgresql+psycopg://{_ACCOUNT}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = _ACCOUNT) -> psycopg.Connection:
        """Connect without the application, in autocommit mode."""
        return psycopg.connect(self.url(database).replace("+psycopg", ""), autocommit=True)

    def create_database(self, name: str) -> str:
        """Create an empty database and return its URL."""
        with self.connect() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, even with open connections."""
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def dump(self, database: str) -> str:
        """Dump a database as SQL, as an operator backs it up."""
        address = ("-h", "127.0.0.1", "-p", str(self.port), "-U", _ACCOUNT)
        return self.run("pg_dump", "--inserts", *address, database)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = [f"-c{name}={value}" for name, value in {**self._options, "port": self.port}.items()]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._as_account, str(_BINARIES / "postgres"), "-D", str(self.folder / "data"), *options],
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        await_start(self._process, lambda: self.connect().close(), psycopg.OperationalError, self.stop)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Freeze every process of the server during the block: the kernel accepts, but nothing answers."""
        assert self._process is not None
        postmaster = self._process.pid
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(postmaster)], capture_output=True, check=False
        )
        processes = [postmaster, *map(int, listed.stdout.split())]
        for process in processes:
            _signal(process, SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                _signal(process, SIGCONT)

    def stop(self) -> None:
        """Stop the server: connections are closed, and the data stays."""
        if self._process is not None:
            self._process.send_signal(SIGINT)
            self._process.wait(_START_SECONDS)
            self._process = None

    def remove(self) -> None:
        """Stop the server and delete its data."""
        self.stop()
        shutil.rmtree(self.folder)

    def run(self, program: str, *arguments: str) -> str:
        """Run one of PostgreSQL's programs and return its output."""
        done = subprocess.run(
            [*self._as_account, str(_BINARIES / program), *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            pytest.fail(f"{program}: {done.stderr}")
        return done.stdout


def _signal(process: int, what: Signals) -> None:
    # A backend ends when its client goes.
    with suppress(ProcessLookupError):
        os.kill(process, what)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgresql]:
    """A PostgreSQL for all tests. A test that stops it starts it again."""
    require_postgresql()
    server = Postgresql()
    try:
        server.start()
        yield server
    finally:
        server.remove()
