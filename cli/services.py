"""The services of the application that runs a command, and the name under which the audit knows commands."""

from flask import Flask, current_app

from admin import Services

ACTOR = "operator"
"""Who makes the changes of commands, as the audit names them."""
_EXTENSION = "netid-oauth"


def attach_services(app: Flask, services: Services) -> None:
    """Give an application the services that its commands work on.

    Args:
        app: the application.
        services: the services.
    """
    app.extensions[_EXTENSION] = services


def services_of(app: Flask) -> Services:
    """The services of an application.

    Args:
        app: an application that `attach_services` was called with.
    """
    attached: Services = app.extensions[_EXTENSION]
    return attached


def services() -> Services:
    """The services of the application that runs the command."""
    return services_of(current_app)
