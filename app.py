"""The composition root: builds the parts of a server in order, each by its module in `wiring/`.

`flask run` finds `create_app` here.
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
from models import ServerClock, StoreUnavailable
from settings import Settings, instance_path, load_settings
from settings.keyring import KeyRing
from telemetry import open_log
from wiring.database import open_database
from wiring.keys import open_keys
from wiring.oauth import open_server
from wiring.services import open_services
from wiring.start import CannotStart, start_plainly
from wiring.web import add_pages, new_application, sign_sessions

__all__ = ["PROJECT", "CannotStart", "build_app", "create_app"]

PROJECT = Path(__file__).parent


def create_app(
    environ: Mapping[str, str] | None = None,
    *,
    clock: Callable[[], float] | None = None,
    directory: Directory | None = None,
    log_stream: TextIO | None = None,
) -> Flask:
    """Build a server from the settings in the environment and the configuration file.

    Args:
        environ: Has the `NETID_…` variables (those of this process by default).
        clock: Seconds since the epoch (the database's clock by default).
        directory: Replaces the directory that the settings name.
        log_stream: Receives log lines (standard error by default).

    Raises:
        CannotStart: With every mistake in the settings, or the fault of the server's key or database.
    """
    environ = os.environ if environ is None else environ

    def build() -> Flask:
        instance = instance_path(environ, PROJECT / "instance").resolve()
        settings = load_settings(instance, environ)
        return build_app(settings, instance, clock=clock, directory=directory, log_stream=log_stream)

    try:
        return start_plainly(build)
    except StoreUnavailable as error:
        if cli.is_command_lookup():
            # `flask serve` waits for its database; every other command reports the fault.
            return cli.placeholder_app(partial(start_plainly, build), CannotStart(str(error)))
        raise CannotStart(str(error)) from None


def build_app(
    settings: Settings,
    instance: Path,
    *,
    ring: KeyRing | None = None,
    clock: Callable[[], float] | None = None,
    directory: Directory | None = None,
    log_stream: TextIO | None = None,
) -> Flask:
    """Build a server from loaded settings.

    Args:
        settings: The operator's settings.
        instance: The instance folder.
        ring: The server's keys, if the caller has made the database and checks the keys itself (`KeyCheck`).
        clock: Seconds since the epoch.
        directory: Replaces the directory that the settings name.
        log_stream: Receives log lines.

    Raises:
        UrlRefused: The database's URL cannot be used.
        KeyringError: A key is missing, or there is none.
        ConfigError: The settings of the directory cannot be used.
        StoreUnavailable: The database does not answer which keys it needs.
    """
    clock, log = clock or ServerClock(), open_log(log_stream or sys.stderr)
    app = new_application(settings, instance)
    open_database(app, settings, instance, clock, log, must_exist=ring is not None)
    ring = ring or open_keys(app, settings, instance, clock)
    sign_sessions(app, ring)
    services = open_services(app, settings, ring, log, clock, directory=directory)
    server = open_server(app, settings, services, log)
    add_pages(app, settings, server, services, log)
    cli.register(app, services)
    return app
