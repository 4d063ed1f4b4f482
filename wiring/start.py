"""Turns the faults that keep a server from starting into one error with sentences for the operator."""

from collections.abc import Callable

from flask import Flask

import cli
from directory.ldap import ConfigError
from models import UrlRefused
from settings import SettingsError
from settings.keyring import KeyringError


class CannotStart(cli.CommandRefused):
    """The server cannot start with these settings, keys or database. The message is for the operator."""


def start_plainly(build: Callable[[], Flask]) -> Flask:
    """Build an application, and turn faults that the operator must fix into `CannotStart`.

    Args:
        build: Builds the application.

    Raises:
        CannotStart: A setting, a key or the database's URL is wrong.
    """
    try:
        return build()
    except SettingsError as error:
        raise CannotStart(*error.mistakes) from None
    except (KeyringError, ConfigError) as error:
        raise CannotStart(str(error)) from None
    except UrlRefused as refused:
        raise CannotStart(f"NETID_DATABASE_URL {refused}.") from None
