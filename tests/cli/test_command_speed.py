"""Commands start quickly: each imports only what it needs, and long tables are written in one pass."""

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app import PROJECT
from cli.output import table
from tests.conftest import Site

pytestmark = pytest.mark.slow

# What serves requests, talks to a directory or draws on a terminal.
SERVING = {"authlib", "granian", "joserfc", "ldap3", "limits", "psycopg", "structlog", "trustme", "web"}
RUN = """
import json, sys
from flask.cli import main
sys.argv[0] = "flask"
try:
    main()
finally:
    print(json.dumps(list(sys.modules)), file=sys.stderr)
"""


@pytest.fixture
def imported(site: Site) -> Callable[..., set[str]]:
    """Runs a command in a process of its own, and returns the modules that it imported."""

    def run(*arguments: str) -> set[str]:
        done = subprocess.run(
            [sys.executable, "-c", RUN, *arguments],
            cwd=PROJECT,
            env={"NETID_INSTANCE_PATH": site.app.instance_path, "PYTHONPATH": str(PROJECT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return set(json.loads(done.stderr.splitlines()[-1]))

    return run


@pytest.mark.parametrize(
    "arguments",
    [
        ("client", "list"),
        ("grant", "list", "--client", "Library"),
        ("scope", "list"),
    ],
    ids=" ".join,
)
def test_command_imports_nothing_that_serves_requests(
    site: Site, imported: Callable[..., set[str]], arguments: tuple[str, ...]
) -> None:
    """A command starts without the libraries of the server and of the directory."""
    site.register("Library")
    assert imported(*arguments) & SERVING == set()


def test_command_does_not_import_other_commands(imported: Callable[..., set[str]]) -> None:
    """`flask scope list` imports no other command's module."""
    names = imported("scope", "list")
    assert "cli.scope" in names
    assert names & {"cli.key", "cli.clients.client", "cli.people.person", "cli.server.serve"} == set()


@pytest.fixture
def cpu_seconds(site: Site) -> Callable[..., float]:
    """Runs a command in a process of its own, and returns its CPU time."""

    def run(*arguments: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [Path(sys.executable).with_name("flask"), *arguments],
            cwd=PROJECT,
            env={"NETID_INSTANCE_PATH": site.app.instance_path},
            capture_output=True,
            check=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return run


@pytest.mark.parametrize(
    "arguments",
    [("client", "list"), ("client", "create", "Library"), ("person", "why", "alice"), ("key", "ring")],
    ids=" ".join,
)
def test_command_takes_less_than_a_second_of_cpu(
    cpu_seconds: Callable[..., float], arguments: tuple[str, ...]
) -> None:
    """The least of three calls, because other processes on the machine slow a call down."""
    assert min(cpu_seconds(*arguments) for _ in range(3)) < 1


def test_ten_thousand_clients_are_imported_and_listed_in_seconds(
    tmp_path: Path, cpu_seconds: Callable[..., float]
) -> None:
    """An import takes less than 10 seconds of CPU, and the list less than 2 (the least of three calls)."""
    file = tmp_path / "clients.json"
    secret = "a long and random secret of the old server"
    clients = [{"client_id": f"p{n}", "client_secret": secret, "scope": "profile"} for n in range(10_000)]
    file.write_text(json.dumps(clients), "utf-8")
    assert cpu_seconds("client", "import", str(file)) < 10
    assert min(cpu_seconds("client", "list") for _ in range(3)) < 2


@pytest.mark.parametrize("width", [None, 80])
def test_table_of_ten_thousand_rows_takes_little_time(
    monkeypatch: pytest.MonkeyPatch, width: int | None
) -> None:
    """A table of 10,000 rows takes less than two seconds of CPU, on a terminal and elsewhere."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: width is not None, raising=False)
    monkeypatch.setenv("COLUMNS", str(width))
    row = [
        "0123456789abcdef01234567",
        "A program of a library",
        "password refresh_token",
        "profile",
        "x",
        "on",
    ]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    text = table(("CLIENT ID", "NAME", "GRANTS", "SCOPE", "OWNER", "STATE"), [row] * 10_000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - before < 2
    assert len(text.splitlines()) > 10_000
    assert width is None or max(map(len, text.splitlines())) <= width


def test_folded_cells_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell that is wider than its column is folded at a space, or else inside a word, and never cut."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "21")
    lines = table(("ID", "NAME"), [("0123456789abcdef", "the university library")]).splitlines()
    assert all(len(line) <= 21 for line in lines)
    assert "".join(line[:9].strip() for line in lines[1:]) == "0123456789abcdef"
    assert " ".join(line[9:].strip() for line in lines[1:]).split() == ["the", "university", "library"]


def test_wide_characters_take_two_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns stay aligned behind characters that a terminal shows in two columns."""
    lines = table(("NAME", "STATE"), [("図書館", "on"), ("library", "off")]).splitlines()
    assert lines == ["NAME     STATE", "図書館   on", "library  off"]
