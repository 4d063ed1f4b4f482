"""The audit and the log say which operator made a change, and why."""

import json
import os
import pwd
from collections.abc import Mapping
from pathlib import Path

import click
import pytest

from cli.services import user_name
from tests.conftest import Registered, Site
from tests.faults import rows

ME = os.getuid()
MY_NAME = pwd.getpwuid(ME).pw_name
REASON = ("--reason", "ticket 4711")
# The commands that change nothing that an operator answers for: they look, wait, or tidy up what has ended.
WITHOUT_REASON = {
    "app-password list",
    "app-password notices",
    "audit list",
    "audit self",
    "client list",
    "client show",
    "clock show",
    "directory check",
    "grant list",
    "key list",
    "key ring",
    "password-grant report",
    "password-grant status",
    "person why",
    "scope explain",
    "scope list",
    "session list",
    "token purge",
}


@pytest.fixture
def program(site: Site) -> Registered:
    """A client."""
    return site.register("Library", "--grant", "refresh_token")


def commands(group: click.Group, prefix: str = "") -> Mapping[str, click.Command]:
    """Every command of a group by its words."""
    found: dict[str, click.Command] = {}
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            found.update(commands(command, f"{prefix}{name} "))
        else:
            found[prefix + name] = command
    return found


def test_every_command_that_changes_something_takes_a_reason(site: Site) -> None:
    """A new command either takes `--reason` or is named here as one that changes nothing."""
    ours = {
        name: command
        for name, command in commands(site.app.cli).items()
        if command.callback is not None and command.callback.__module__.startswith("cli.")
    }
    without = {
        name for name, command in ours.items() if "reason" not in {each.name for each in command.params}
    }
    assert without - {"serve"} == WITHOUT_REASON
    assert len(ours) - len(without) > 10


@pytest.mark.parametrize(
    ("words", "event"),
    [
        (("client", "create", "new", "--grant", "password"), "client.created"),
        (("client", "update", "Library", "--owner", "me"), "client.updated"),
        (("client", "rotate-secret", "Library"), "client.secret_rotated"),
        (("client", "retire-secret", "Library", "1"), "client.secret_retired"),
        (("client", "disable", "--yes", "Library"), "client.disabled"),
        (("scope", "create", "grades"), "scope.created"),
        (("grant", "revoke", "--client", "Library", "--yes"), "grant.revoked"),
        (("person", "logout", "--yes", "alice"), "grant.revoked"),
        (("person", "unblock", "alice"), "person.unblocked"),
        (("key", "rotate"), "key.rotated"),
        (("clock", "accept", "--yes"), "clock.accepted"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else "",
)
def test_row_and_log_line_name_the_operator_and_the_reason(
    site: Site, program: Registered, words: tuple[str, ...], event: str
) -> None:
    """The audit row and the one log line of a command say the same, and name the user of the system."""
    site.token(program)
    before = len(site.log_lines())
    site.run(*words, *REASON)
    (row,) = (row for row in rows(site, "audit_event") if row["event"] == event)
    (line,) = site.log_lines()[before:]
    assert str(row["actor"]).split(" (")[0] == MY_NAME
    assert row["actor_reason"] == "ticket 4711"
    assert line == {
        **{name: value for name, value in row.items() if name != "id" and value is not None},
        "level": "info",
        "timestamp": line["timestamp"],
    }


def test_deletion_is_logged_as_its_two_steps(site: Site, program: Registered) -> None:
    """A client is disabled before it is deleted, and both name the operator."""
    site.run("client", "delete", program.client_id, "--yes", *REASON)
    lines = [(line["event"], line["actor_reason"]) for line in site.log_lines()]
    assert lines == [("client.disabled", "ticket 4711"), ("client.deleted", "ticket 4711")]


def test_import_is_one_log_line(site: Site, tmp_path: Path) -> None:
    """An import of many clients is one line with their number, and a row for each."""
    file = tmp_path / "clients.json"
    theirs = [{"client_id": each, "client_secret": f"{each}-0123456789-abcdefgh-XYZ"} for each in ("a", "b")]
    file.write_text(json.dumps(theirs))
    site.run("client", "import", str(file), *REASON)
    (line,) = site.log_lines()
    assert (line["event"], line["reason"], line["actor_reason"]) == (
        "client.imported",
        "2 imported",
        "ticket 4711",
    )
    assert [row["actor_reason"] for row in rows(site, "audit_event")] == ["ticket 4711"] * 2


def test_refused_command_is_not_logged(site: Site) -> None:
    """A change that was not made has neither a row nor a line."""
    site.run("client", "disable", "--yes", "nobody", *REASON, status=1)
    assert (rows(site, "audit_event"), site.log_lines()) == ([], [])


@pytest.mark.parametrize("reason", ["", " ", "two\nlines", "\x1b[2J", "x" * 256], ids=ascii)
def test_reason_that_cannot_be_stored_or_shown_is_refused(site: Site, reason: str) -> None:
    """A reason is one line that fits its column."""
    result = site.app.test_cli_runner().invoke(args=["scope", "create", "grades", "--reason", reason])
    assert result.exit_code == 2
    assert "--reason takes 1 to 255 printable characters." in result.output
    assert rows(site, "scope") == []


def test_token_in_a_reason_is_not_kept(site: Site, program: Registered) -> None:
    """A token that an operator pastes into the reason reaches neither the audit nor the log."""
    token = site.token(program)
    site.run("person", "logout", "--yes", "alice", "--reason", f"stolen: {token}")
    assert "stolen: " in str(rows(site, "audit_event")[-1]["actor_reason"])
    assert token not in str(rows(site, "audit_event"))
    assert token not in site.log.getvalue()


@pytest.mark.parametrize(
    ("login", "sudo", "name"),
    [
        (None, None, MY_NAME),
        ("4294967295", None, MY_NAME),
        ("no number", None, MY_NAME),
        (str(ME), None, MY_NAME),
        (None, "alice", f"{MY_NAME} (sudo alice)"),
        ("54321", None, f"{MY_NAME} (login uid 54321)"),
        ("54321", "alice", f"{MY_NAME} (login uid 54321, sudo alice)"),
        (str(ME), "alice", f"{MY_NAME} (sudo alice)"),
        (None, MY_NAME, MY_NAME),
        (None, "a\nb\u202e", f"{MY_NAME} (sudo a?b?)"),
        (None, "CAMPUS\\alice-1@campus.example", f"{MY_NAME} (sudo CAMPUS\\alice-1@campus.example)"),
        (None, "bob, login carol", f"{MY_NAME} (sudo bob??login?carol)"),
        ("54321", "bob) (login carol", f"{MY_NAME} (login uid 54321, sudo bob???login?carol)"),
    ],
)
def test_user_behind_sudo_is_named(tmp_path: Path, login: str | None, sudo: str | None, name: str) -> None:
    """The process's user comes first; the kernel's login user and sudo's user follow if they differ."""
    file = tmp_path / "loginuid"
    if login is not None:
        file.write_text(login)
    assert user_name(ME, {} if sudo is None else {"SUDO_USER": sudo}, file) == name


def test_user_without_an_entry_is_named_by_number(tmp_path: Path) -> None:
    """In a container the user of a process often has no name."""
    assert user_name(54321, {}, tmp_path / "none") == "uid 54321"
