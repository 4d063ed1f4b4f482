"""What does an operator type?

Owns: the `flask …` commands and what they print. Must not know: HTTP requests and pages.
"""

from flask import Flask

from admin import Services
from cli.audit import audit
from cli.clients.client import client
from cli.clock import clock
from cli.directory import directory
from cli.grant import grant
from cli.key import key
from cli.output import Refused
from cli.people.person import person
from cli.scope import scope
from cli.server.serve import serve
from cli.server.stand_in import looks_for_a_command, stand_in
from cli.services import attach_services, services_of
from cli.token import token

__all__ = ["Refused", "looks_for_a_command", "register", "services_of", "stand_in"]


def register(app: Flask, services: Services) -> None:
    """Give `app` its commands.

    Args:
        app: the application.
        services: what the commands work on.
    """
    attach_services(app, services)
    for command in (audit, client, clock, directory, grant, key, person, scope, token, serve):
        app.cli.add_command(command)
