"""Commands start quickly: each imports only what it needs, and long tables are written in one pass."""

import json
import subprocess
import sys
from collections.abc import Callable

import pytest
from sqlalchemy import event

from app import PROJECT
from cli.output import table
from models import db
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
        ("password-grant", "status"),
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


def statements(site: Site, *arguments: str, stdin: str = "") -> int:
    """Run a command, and return how many SQL statements it sent."""
    sent: list[str] = []

    def note(*call: object) -> None:
        sent.append(str(call[2]))

    with site.app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        site.run(*arguments, stdin=stdin)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return len(sent)


def old_clients(first: int, amount: int) -> str:
    """Clients of another server, as `flask client import` takes them."""
    secret = "a long and random secret of the old server"
    numbers = range(first, first + amount)
    return json.dumps([{"client_id": f"p{n}", "client_secret": secret, "scope": "profile"} for n in numbers])


def test_number_of_statements_does_not_grow_with_the_number_of_clients(site: Site) -> None:
    """A list of 400 clients sends as many SQL statements as a list of one. So does an import."""
    one = statements(site, "client", "import", "-", stdin=old_clients(0, 1))
    listed = statements(site, "client", "list")
    assert statements(site, "client", "import", "-", stdin=old_clients(1, 399)) == one
    assert statements(site, "client", "list") == listed
    assert len(json.loads(site.run("client", "list", "--json"))["items"]) == 400


def test_policies_of_many_clients_take_as_many_statements_as_that_of_one(site: Site) -> None:
    """The status of 50 clients takes as many SQL statements as that of one, and so do setting and undoing.

    While policies are stored, the clients are locked, and their users wait for tokens.
    """
    commands = (("set", "--all", "--off"), ("status",), ("undo", "--all"))
    site.register("p0")
    one = [statements(site, "password-grant", *each) for each in commands]
    for number in range(1, 50):
        site.register(f"p{number}")
    assert [statements(site, "password-grant", *each) for each in commands] == one


@pytest.mark.parametrize("width", [None, 80])
def test_table_of_ten_thousand_rows_is_as_wide_as_its_terminal(
    monkeypatch: pytest.MonkeyPatch, width: int | None
) -> None:
    """A table of 10,000 rows has every row, and on a terminal no line that is wider."""
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
    text = table(("CLIENT ID", "NAME", "GRANTS", "SCOPE", "OWNER", "STATE"), [row] * 10_000)
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
