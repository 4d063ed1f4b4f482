"""Output of commands moves no terminal's cursor, whatever values it holds."""

import io
import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from rich.console import Console

from app import CannotStart, create_app
from cli.output import CommandRefused, confirm, shown, table
from directory import DirectoryUnavailable
from directory.ldap import Finding, StepStatus
from tests.conftest import Registered, Site
from tests.fakes import ALICE, FakeDirectory
from tests.faults import database_file

# Sets a title (OSC), clears the screen (CSI of C1), turns the line around, hides, and begins lines.
NASTY = (
    "x\x1b]0;pwned\x07\x9b2J\u202eevil\u202c\u2066y\u2069\u200b\ufeff\u2028z\u2029\x85\x7f\b"
    "\r\nBLOCKED w\u3164"
)
MARKUP = "[bold]b[/bold] [link=https://evil.example]l[/link] :warning: [/]"


def assert_harmless(printed: str) -> None:
    """Every printed character is visible, and no value begins a line."""
    assert {each for each in printed if not (each.isprintable() or each == "\n")} == set()
    assert "\u3164" not in printed
    assert not any(line.startswith(("BLOCKED w", "z")) for line in printed.splitlines())


@pytest.fixture
def hostile() -> FakeDirectory:
    """A directory in which a user's own values are hostile."""
    return FakeDirectory(replace(ALICE, name=NASTY + MARKUP, net_id=NASTY))


@pytest.fixture
def place(make_site: Callable[..., Site], hostile: FakeDirectory) -> Site:
    """A server over that directory."""
    return make_site(hostile)


@pytest.fixture
def client(place: Site) -> Registered:
    """A client with a hostile name and owner, which another program wrote, and with a token."""
    made = place.register("Library", "--grant", "refresh_token", "--scope", "profile email")
    assert place.ask_token(made).status_code == 200
    with sqlite3.connect(database_file(place)) as database:
        database.execute("UPDATE client SET client_name = ?, owner = ?", (NASTY + MARKUP, NASTY))
    database.close()
    # The server keeps clients for a while.
    place.clock.now += 3600
    return made


def output(place: Site, *arguments: str, stdin: str = "") -> str:
    """The output of a command on both streams, whether or not it succeeds."""
    done = place.app.test_cli_runner().invoke(args=list(arguments), input=stdin)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.output


COMMANDS = [
    ("client", "list"),
    ("client", "list", "--offenders"),
    ("client", "show", "{client}"),
    ("client", "update", "{client}", "--scope", "profile nowhere"),
    ("client", "disable", "--yes", "{client}"),
    ("client", "delete", "{client}"),
    ("client", "delete", "{client}", "--yes"),
    ("client", "rotate-secret", "{client}"),
    ("client", "retire-secret", "{client}", "1"),
    ("grant", "list"),
    ("grant", "revoke", "--client", "{client}"),
    ("grant", "revoke", "--client", "{client}", "--yes"),
    ("person", "why", "alice"),
    ("person", "logout", "--yes", "alice"),
    ("scope", "explain", "{client}", "alice"),
    ("audit", "list"),
    ("key", "ring"),
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=[" ".join(each) for each in COMMANDS])
def test_command_prints_nothing_that_a_terminal_obeys(
    place: Site, client: Registered, arguments: tuple[str, ...]
) -> None:
    """Names of clients, Net IDs and entries are escaped; rich's markup is printed as written."""
    named = [each.format(client=client.client_id) for each in arguments]
    printed = output(place, *named, stdin="n\n")
    assert printed.strip()
    assert_harmless(printed)


def test_hostile_value_is_visible(place: Site, client: Registered) -> None:
    """An operator sees the escape sequence and the markup."""
    for arguments in (("client", "list"), ("grant", "list"), ("person", "why", "alice")):
        printed = output(place, *arguments)
        assert "x\\x1b]0;pwned\\x07\\x9b2J\\u202eevil" in printed
        assert MARKUP in printed
    assert client.client_id in output(place, "client", "list")


def test_json_is_ascii(place: Site, client: Registered) -> None:
    """JSON escapes everything but ASCII, and keeps the value."""
    for arguments in (("client", "list"), ("grant", "list"), ("person", "why", "alice"), ("audit", "list")):
        printed = output(place, *arguments, "--json")
        assert printed.strip().isascii()
        assert_harmless(printed)
    listed = json.loads(output(place, "client", "list", "--json"))["items"]
    assert [each["client_name"] for each in listed if each["client_id"] == client.client_id] == [
        NASTY + MARKUP
    ]


@pytest.mark.parametrize("arguments", [("person", "why", "alice"), ("scope", "explain", "{client}", "alice")])
def test_message_of_a_server_is_escaped(
    place: Site, client: Registered, hostile: FakeDirectory, arguments: tuple[str, ...]
) -> None:
    """The directory's message is shown escaped."""
    hostile.outcome = DirectoryUnavailable(f"busy: {NASTY}")
    printed = output(place, *(each.format(client=client.client_id) for each in arguments))
    assert "busy: x\\x1b]0;pwned" in printed
    assert_harmless(printed)


def test_findings_of_directory_check_are_escaped(place: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every part of a finding is escaped; only the mark in front may have a colour."""

    class Diagnostics:
        def __init__(self, config: object) -> None:
            pass

        def examine(self, *_: object) -> Iterator[Finding]:
            yield Finding(
                step=NASTY, verdict=StepStatus.FAILED, text=NASTY + MARKUP, setting=NASTY, server=NASTY
            )

    monkeypatch.setattr(import_module("admin.directory_checks"), "Diagnostics", Diagnostics)
    printed = output(place, "directory", "check")
    assert MARKUP in printed
    assert_harmless(printed)


@pytest.mark.parametrize(
    "arguments",
    [
        ("client", "show", NASTY),
        ("scope", "delete", NASTY),
        ("scope", "create", NASTY),
        ("client", "create", "x", "--grant", NASTY),
        ("client", "create", NASTY, "--scope", NASTY),
        ("client", "rotate-secret", "{client}", "--expires", NASTY),
        ("grant", "revoke", "--person", NASTY),
        ("person", "logout", "--yes", NASTY),
        ("person", "why", NASTY),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_argument_is_escaped(place: Site, client: Registered, arguments: tuple[str, ...]) -> None:
    """An argument that the output repeats is escaped."""
    named = [each.replace("{client}", client.client_id) for each in arguments]
    assert_harmless(output(place, *named, stdin="n\n"))


def test_imported_list_is_escaped(place: Site) -> None:
    """A list of clients from another server may hold any character."""
    clients = [{"client_id": NASTY, "client_secret": NASTY, "client_name": NASTY, NASTY: NASTY}]
    printed = output(place, "client", "import", "-", stdin=json.dumps(clients))
    assert printed.strip()
    assert_harmless(printed)


def test_refused_start_is_escaped(tmp_path: Path) -> None:
    """A value in the settings cannot begin a line of the error."""
    folder = tmp_path / NASTY.replace("/", "")
    folder.mkdir()
    (folder / "config.toml").write_text("workers = \n", "utf-8")
    with pytest.raises(CannotStart) as refused:
        create_app({"NETID_INSTANCE_PATH": str(folder)})
    assert "is not TOML" in str(refused.value)
    assert_harmless(str(refused.value))


def test_each_sentence_is_one_line() -> None:
    """Each sentence has its own line, and no value adds one."""
    assert str(CommandRefused("one\ntwo", "three")) == "one\\ntwo\nthree"


def test_question_is_escaped(monkeypatch: pytest.MonkeyPatch, on_terminal: None) -> None:
    """A question is escaped too."""
    asked: list[str] = []
    monkeypatch.setattr("click.confirm", lambda text, **_: asked.append(text))
    confirm(f"Delete {NASTY}?")
    assert_harmless(asked[0])


@pytest.mark.parametrize(
    "text", ["Åse Ødegård", "王小明", "Δημήτρης", "محمد", "Zoë O'Brien-Ng", "a\\b", "[x]", "😀"]
)
def test_names_of_people_are_not_escaped(text: str) -> None:
    """Letters of every script, signs and emoji are shown."""
    assert shown(text) == text
    assert text in table(("NAME",), [(text,)])


def test_every_character_is_printable_or_escaped() -> None:
    """No code point is printed that Python does not call printable."""
    for start in range(0, 0x110000, 0x1000):
        text = "".join(map(chr, range(start, start + 0x1000)))
        assert shown(text).isprintable()


def test_rich_alone_would_pass_markup_and_escapes() -> None:
    """Without our escaping the attack works: rich interprets markup and passes escape sequences."""
    stream = io.StringIO()
    Console(file=stream, force_terminal=True, color_system="standard").print(f"{MARKUP[:15]}\x1b]0;x")
    assert "\x1b[1m" in stream.getvalue()
