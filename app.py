"""The composition root: builds the parts of a server in order. `flask run` finds `create_app` here.

Owns: the order. Each package is built by its module in `wiring/`.
"""

import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TextIO

from flask import Flask

import cli
from directory import Directory
from directory.ldap import ConfigError
from models import ServerClock, StoreUnavailable, UrlRefused
from settings import Settings, SettingsError, instance_path, load_settings
from settings.keyring import KeyRing, KeyringError
from telemetry import open_log
from wiring.database import open_database
from wiring.keys import open_keys
from wiring.oauth import open_server
from wiring.services import open_services
from wiring.web import add_pages, new_application, sign_sessions

PROJECT = Path(__file__).parent


class CannotStart(cli.CommandRefused):
    """The server cannot start as it is set up; the message is for the operator."""


def create_app(
    environ: Mapping[str, str] | None = None,
    *,
    clock: Callable[[], float] | None = None,
    directory: Directory | None = None,
    log_stream: TextIO | None = None,
) -> Flask:
    """Build one server from its settings.

    Args:
        environ: has the `NETID_…` variables (the process's own by default).
        clock: seconds since the epoch; the database's clock by default.
        directory: replaces the directory that the settings name.
        log_stream: where log lines go (standard error by default).

    Raises:
        CannotStart: with every mistake in the settings, or the fault of the server's key or database.
    """
    environ = os.environ if environ is None else environ

    def build() -> Flask:
        instance = instance_path(environ, PROJECT / "instance").resolve()
        settings = load_settings(instance, environ)
        return build_app(settings, instance, clock=clock, directory=directory, log_stream=log_stream)

    try:
        return _refusing_plainly(build)
    except StoreUnavailable as error:
        if cli.is_command_lookup():
            # `flask serve` waits for its database; every other command reports the fault.
            return cli.placeholder_app(partial(_refusing_plainly, build), CannotStart(str(error)))
        raise CannotStart(str(error)) from None


def _refusing_plainly(build: Callable[[], Flask]) -> Flask:
    """Build an application; a fault that the operator must mend becomes CannotStart."""
    try:
        return build()
    except SettingsError as error:
        raise CannotStart(*error.mistakes) from None
    except (KeyringError, ConfigError) as error:
        raise CannotStart(str(error)) from None
    except UrlRefused as refused:
        raise CannotStart(f"NETID_DATABASE_URL {refused}.") from None


def build_app(
    settings: Settings,
    instance: Path,
    *,
    ring: KeyRing | None = None,
    clock: Callable[[], float] | None = None,
    directory: Directory | None = None,
    log_stream: TextIO | None = None,
) -> Flask:
    """Build one server from loaded settings; the other arguments are those of `create_app`.

    Args:
        settings: what the operator chose.
        instance: the instance folder.
        ring: the server's keys, from a caller that has made the database and checks the keys itself
            (`KeyCheck`). Without a ring both is done here. Nothing else queries the database.
        clock: seconds since the epoch; the database's clock by default.
        directory: replaces the directory that the settings name.
        log_stream: where log lines go (standard error by default).

    Raises:
        UrlRefused: the URL of the database cannot be used.
        KeyringError: a key is missing, or there is none.
        ConfigError: the settings of the directory cannot be used.
        StoreUnavailable: the database does not answer which keys it needs.
    """
    clock, log = clock or ServerClock(), open_log(log_stream or sys.stderr)
    app = new_application(settings, instance)
    open_database(app, settings, instance, clock, log, must_exist=ring is not None)
    if ring is None:
        with app.app_context():
            ring = open_keys(settings, instance, int(clock()))
    sign_sessions(app, ring)
    services = open_services(app, settings, ring, log, clock, directory=directory)
    server = open_server(app, settings, services, log)
    add_pages(app, settings, server, services, log)
    cli.register(app, services)
    return app
