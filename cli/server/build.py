"""Which application `flask` needs: a server with its pages, or only commands."""

from collections.abc import Callable

import click
from flask import Flask

from cli.commands import ServeOnly
from cli.output import CommandRefused

_NAME = "netid-oauth-placeholder"
_BUILD = "netid-oauth-build"


def is_command_lookup() -> bool:
    """Whether `flask` builds the application only to find a command of ours by its name."""
    context = click.get_current_context(silent=True)
    # A command that Flask itself has (`db`, `run`, `shell`) runs in a context below that of `flask`.
    return context is not None and context.parent is None


def needs_no_pages() -> bool:
    """Whether `flask` builds the application for a command of ours, or for a migration."""
    context = click.get_current_context(silent=True)
    return is_command_lookup() or (context is not None and context.find_root().invoked_subcommand == "db")


def offer_to_serve(app: Flask, build: Callable[[], Flask]) -> None:
    """Let `flask serve` build the server, from an application that has only commands.

    Args:
        app: the application that has only commands.
        build: builds the server; raises StoreUnavailable while its database is away.
    """
    app.extensions[_BUILD] = build


def server_build(app: Flask) -> Callable[[], Flask]:
    """What builds the server that `flask serve` starts.

    Args:
        app: the application that runs the command.
    """
    build: Callable[[], Flask] = app.extensions.get(_BUILD, lambda: app)
    return build


def placeholder_app(error: CommandRefused) -> Flask:
    """Make an application for while the database is away: its only command is `serve`, which waits.

    Args:
        error: the error of every other command.
    """
    app = Flask(_NAME, static_folder=None)
    app.cli = ServeOnly(_NAME, error)
    return app
