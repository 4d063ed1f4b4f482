"""The commands of `flask`, by name. The module of a command is imported only when the command is used.

Most of a command's start is imports, so `flask client list` imports nothing that only `flask person` needs.
"""

from importlib import import_module

import click
from flask.cli import AppGroup

from cli.output import CommandRefused

MODULES = {
    "app-password": "cli.app_passwords.app_password",
    "audit": "cli.audit",
    "client": "cli.clients.client",
    "clock": "cli.clock",
    "directory": "cli.directory",
    "grant": "cli.grant",
    "key": "cli.key",
    "password-grant": "cli.password_grant.password_grant",
    "person": "cli.people.person",
    "scope": "cli.scope",
    "serve": "cli.server.serve",
    "session": "cli.session",
    "token": "cli.token",
}
"""The module of each command, which has the command under its name, with underscores for hyphens."""


def load_command(name: str) -> click.Command:
    """Import a command.

    Args:
        name: a key of `MODULES`.
    """
    command: click.Command = getattr(import_module(MODULES[name]), name.replace("-", "_"))
    return command


class Commands(AppGroup):
    """Our commands, and those that an extension adds."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, in order."""
        return sorted({*MODULES, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command with this name, or None."""
        return load_command(cmd_name) if cmd_name in MODULES else super().get_command(ctx, cmd_name)


class ServeOnly(AppGroup):
    """The commands while the database is away: `serve` waits for it."""

    def __init__(self, name: str, error: CommandRefused) -> None:
        """Know the error.

        Args:
            name: the group's name.
            error: the error of every other command.
        """
        super().__init__(name)
        self._error = error

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:  # noqa: ARG002 - click's signature
        """Return `serve`; any other command is the error."""
        if cmd_name == "serve":
            return load_command(cmd_name)
        raise self._error
