"""The composition root: builds the parts of a server in order, each by its module in `wiring/`.

`flask run` finds `create_app` here. A command does without the parts that answer requests.
"""

import gc
import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TextIO

from flask import Flask

# Imports make many objects and little garbage: a search for it after each few hundred objects takes a quarter
# of a command's start.
gc.disable()

import cli
import wiring
from admin import Services
from directory import Directory
from models import ServerClock, StoreUnavailable
from settings import Settings, instance_path, load_settings
from settings.keyring import KeyRing
from telemetry import LateLog, Log, open_log
from wiring.database import open_database
from wiring.keys import open_keys
from wiring.services import open_services
from wiring.start import CannotStart, start_plainly

__all__ = ["PROJECT", "CannotStart", "build_app", "create_app"]

# What was imported lives as long as the process, so later searches leave it out.
gc.freeze()
gc.enable()

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

    def build(*, serves: bool) -> Flask:
        instance = instance_path(environ, PROJECT / "instance").resolve()
        settings = load_settings(instance, environ)
        how = {"clock": clock, "directory": directory, "log_stream": log_stream}
        return build_app(settings, instance, serves=serves, **how)  # type: ignore[arg-type]

    serving = partial(start_plainly, partial(build, serves=True))
    try:
        if not cli.needs_no_pages():
            return serving()
        app = start_plainly(partial(build, serves=False))
    except StoreUnavailable as error:
        if not cli.is_command_lookup():
            raise CannotStart(str(error)) from None
        # `flask serve` waits for its database; every other command reports the fault.
        app = cli.placeholder_app(CannotStart(str(error)))
    cli.offer_to_serve(app, serving)
    return app


def build_app(
    settings: Settings,
    instance: Path,
    *,
    ring: KeyRing | None = None,
    serves: bool = True,
    clock: Callable[[], float] | None = None,
    directory: Directory | None = None,
    log_stream: TextIO | None = None,
) -> Flask:
    """Build a server from loaded settings.

    Args:
        settings: The operator's settings.
        instance: The instance folder.
        ring: The server's keys, if the caller has made the database and checks the keys itself (`KeyCheck`).
        serves: Whether it answers requests. A command needs no pages, and starts quickly without them.
        clock: Seconds since the epoch.
        directory: Replaces the directory that the settings name.
        log_stream: Receives log lines.

    Raises:
        UrlRefused: The database's URL cannot be used.
        KeyringError: A key is missing, or there is none.
        ConfigError: The settings of the directory cannot be used.
        StoreUnavailable: The database does not answer which keys it needs.
    """
    clock, log = clock or ServerClock(), (open_log if serves else LateLog)(log_stream or sys.stderr)
    app = wiring.new_application(settings, instance) if serves else Flask("app", instance_path=str(instance))
    open_database(app, settings, instance, clock, log, must_exist=ring is not None)
    ring = ring or open_keys(app, settings, instance, clock)
    services = open_services(app, settings, ring, log, clock, directory=directory)
    if serves:
        _answer_requests(app, settings, services, log)
    cli.register(app, services)
    return app


def _answer_requests(app: Flask, settings: Settings, services: Services, log: Log) -> None:
    wiring.sign_sessions(app, services.ring)
    server = wiring.open_server(app, settings, services, log)
    wiring.add_pages(app, settings, server, services, log)
