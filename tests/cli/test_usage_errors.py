"""Usage errors of commands: none repeats a secret that was typed in the wrong place."""

import pytest
from click import Command, Context, Group

from tests.conftest import Site

PASSWORD = "correct horse battery staple"
SECRET = "nids_" + "Zq8" * 14


@pytest.mark.parametrize(
    "arguments",
    [
        ("token", "revoke", PASSWORD),
        ("token", "purge", PASSWORD, PASSWORD),
        ("token", PASSWORD),
        ("person", PASSWORD, "alice"),
        ("person", "why", "alice", PASSWORD),
        ("directory", "check", "alice", PASSWORD),
        ("client", "retire-secret", "Library", PASSWORD),
        ("client", "rotate-secret", "Library", PASSWORD),
        ("client", "import", "-", PASSWORD),
        ("serve", PASSWORD),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_argument_in_the_wrong_place_is_not_repeated(site: Site, arguments: tuple[str, ...]) -> None:
    """A usage error says what is wrong, and not what was typed."""
    printed = site.run(*arguments, status=2)
    assert "Error: " in printed
    assert PASSWORD not in printed


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("client", "show", SECRET), 1),
        (("client", "rotate-secret", "Library", "--expires", SECRET), 1),
        (("grant", "list", "--limit", SECRET), 2),
        (("key", "rotate", "--alg", SECRET), 2),
        (("client", "import", SECRET), 2),
        (("scope", "delete", SECRET), 1),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else "",
)
def test_value_that_looks_like_a_secret_is_not_repeated(
    site: Site, arguments: tuple[str, ...], status: int
) -> None:
    """Tokens and client secrets of this server are known by their form."""
    site.register("Library")
    printed = site.run(*arguments, status=status)
    assert "[redacted]" in printed
    assert SECRET not in printed


def test_unknown_option_is_named(site: Site) -> None:
    """An option that does not exist is named, since options are no secrets."""
    assert "--passwort" in site.run("directory", "check", "alice", "--passwort", status=2)


def test_every_command_is_discreet(site: Site) -> None:
    """No command of ours has the errors of click itself."""
    commands_of_flask, context = site.app.cli, Context(site.app.cli)
    found = {
        name: commands_of_flask.get_command(context, name)
        for name in commands_of_flask.list_commands(context)
    }
    ours = {name: command for name, command in found.items() if command is not None and name != "db"}
    assert len(ours) == 13
    for name, command in ours.items():
        commands = {name: command}
        if isinstance(command, Group):
            commands |= {f"{name} {each}": found for each, found in command.commands.items()}
        assert {
            each: type(found).__name__ for each, found in commands.items() if not is_discreet(found)
        } == {}


def is_discreet(command: Command) -> bool:
    """Whether the command, or the group, is one of ours."""
    return type(command).__name__ in {"DiscreetCommand", "DiscreetGroup"}


@pytest.mark.parametrize(
    "command",
    [
        ("password-grant", "report", "--since"),
        ("audit", "list", "--since"),
        ("grant", "revoke", "--everyone", "--before"),
    ],
)
def test_text_that_is_no_date_is_refused_with_an_example(site: Site, command: tuple[str, ...]) -> None:
    """An operator reads a date to imitate, and no format of a programming language."""
    printed = site.run(*command, "yesterday", status=2)
    assert "not a date in UTC, such as 2027-06-30." in printed
