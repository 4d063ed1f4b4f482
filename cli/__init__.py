"""What does an operator type?

Owns: the `flask …` commands. Each parses its options, calls a function of `admin` and prints the result. Must
not know: HTTP requests and pages, the rules of a use case. Start reading at `output.py`, then at the command;
`commands.py` names the module of each.
"""

from flask import Flask
from flask.cli import cli as flask_command

from admin import Services
from cli.commands import Commands
from cli.output import CommandRefused
from cli.server.build import is_command_lookup, needs_no_pages, offer_to_serve, placeholder_app
from cli.services import attach_services, services_of

__all__ = [
    "CommandRefused",
    "is_command_lookup",
    "needs_no_pages",
    "offer_to_serve",
    "placeholder_app",
    "register",
    "services_of",
]

ABOUT = (
    "NetID OAuth is an OAuth 2.0 authorization server in front of a campus directory. To begin, read "
    "`flask client create --help`. docs/commands.md describes every command."
)
"""Ends `flask --help`, which Flask begins with its own words."""


def register(app: Flask, services: Services) -> None:
    """Give an application its commands.

    Args:
        app: the application.
        services: the stores and settings that the commands work on.
    """
    attach_services(app, services)
    flask_command.epilog = ABOUT
    app.cli = Commands(app.name, commands=app.cli.commands)
