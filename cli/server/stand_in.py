"""What stands in for the application while its database is away, so that `flask serve` can wait for it."""

from collections.abc import Callable

import click
from flask import Flask
from flask.cli import AppGroup

from cli.output import Refused
from cli.server.serve import serve
from cli.server.waiting import BUILD

_NAME = "netid-oauth-stand-in"


def looks_for_a_command() -> bool:
    """Whether the application is wanted because `flask` looks for a command of ours by its name."""
    context = click.get_current_context(silent=True)
    # A command that Flask knows by itself (`db`, `run`, `shell`) runs in a context below that of `flask`.
    return context is not None and context.parent is None


def stand_in(build: Callable[[], Flask], error: Refused) -> Flask:
    """An application without routes whose only command is `serve`.

    Args:
        build: Tries once more to build the application; raises StoreUnavailable while its database is away.
        error: What every other command fails with.
    """
    app = Flask(_NAME, static_folder=None)
    app.cli = _OnlyServe(error)
    app.extensions[BUILD] = build
    return app


class _OnlyServe(AppGroup):
    """The commands of such an application."""

    def __init__(self, error: Refused) -> None:
        super().__init__(_NAME)
        self._error = error

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:  # noqa: ARG002 - click's own
        """`serve`, or the error."""
        if cmd_name == serve.name:
            return serve
        raise self._error
