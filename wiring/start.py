"""How a server starts: the parts that a caller may replace, and the faults that an operator must fix."""

from collections.abc import Callable
from typing import TextIO, TypedDict

from flask import Flask

import cli
from directory import Directory
from directory.ldap import ConfigError
from models import UrlRefused
from settings import SettingsError
from settings.keyring import KeyringError


class Replaced(TypedDict, total=False):
    """Parts of a server that a caller, such as a test, may replace.

    - `clock`: seconds since the epoch, instead of the database's clock.
    - `directory`: instead of the directory that the settings name.
    - `log_stream`: receives log lines, instead of standard error.
    """

    clock: Callable[[], float] | None
    directory: Directory | None
    log_stream: TextIO | None


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
