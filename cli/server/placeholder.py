"""A placeholder for the application while its database is away: its only command is `serve`, which waits."""

from collections.abc import Callable

import click
from flask import Flask
from flask.cli import AppGroup

from cli.output import CommandRefused
from cli.server.database_wait import BUILD
from cli.server.serve import serve

_NAME = "netid-oauth-placeholder"


def is_command_lookup() -> bool:
    """Whether `flask` builds the application only to find a command of ours by its name."""
    context = click.get_current_context(silent=True)
    # A command that Flask itself has (`db`, `run`, `shell`) runs in a context below that of `flask`.
    return context is not None and context.parent is None


def placeholder_app(build: Callable[[], Flask], error: CommandRefused) -> Flask:
    """Make an application without routes whose only command is `serve`.

    Args:
        build: builds the real application; raises StoreUnavailable while its database is away.
        error: the error of every other command.
    """
    app = Flask(_NAME, static_folder=None)
    app.cli = _ServeOnly(error)
    app.extensions[BUILD] = build
    return app


class _ServeOnly(AppGroup):
    """The commands of a placeholder."""

    def __init__(self, error: CommandRefused) -> None:
        super().__init__(_NAME)
        self._error = error

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:  # noqa: ARG002 - click's signature
        """Return `serve`; any other command is the error."""
        if cmd_name == serve.name:
            return serve
        raise self._error
