"""What does an operator type?

Owns: the `flask …` commands. Each parses its options, calls a function of `admin` and prints the result. Must
not know: HTTP requests and pages, the rules of a use case. Start reading at `output.py`, then at the command.
"""

from flask import Flask

from admin import Services
from cli.audit import audit
from cli.clients.client import client
from cli.clock import clock
from cli.directory import directory
from cli.grant import grant
from cli.key import key
from cli.output import CommandRefused
from cli.people.person import person
from cli.scope import scope
from cli.server.placeholder import is_command_lookup, placeholder_app
from cli.server.serve import serve
from cli.services import attach_services, services_of
from cli.token import token

__all__ = ["CommandRefused", "is_command_lookup", "placeholder_app", "register", "services_of"]


def register(app: Flask, services: Services) -> None:
    """Give an application its commands.

    Args:
        app: the application.
        services: the stores and settings that the commands work on.
    """
    attach_services(app, services)
    for command in (audit, client, clock, directory, grant, key, person, scope, token, serve):
        app.cli.add_command(command)
