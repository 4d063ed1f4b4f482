"""The composition root: builds the parts of a server in order, each by its module in `wiring/`.

`flask run` finds `create_app` here. A command does without the parts that answer requests.
"""

import gc
import os
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Unpack

from flask import Flask

# What imports make lives as long as the process. A search of it for garbage costs a quarter of a start.
gc.disable()

import cli
import wiring
from models import ServerClock, StoreUnavailable
from settings import Settings, instance_path, load_settings
from settings.keyring import KeyRing
from telemetry import LateLog, open_log
from wiring.database import open_database
from wiring.keys import open_keys
from wiring.services import open_services
from wiring.start import CannotStart, Replaced, start_plainly

__all__ = ["PROJECT", "CannotStart", "build_app", "create_app"]

gc.freeze()
gc.enable()

PROJECT = Path(__file__).parent


def create_app(environ: Mapping[str, str] = os.environ, **replaced: Unpack[Replaced]) -> Flask:
    """Build a server from the settings in the environment and the configuration file.

    Args:
        environ: Has the `NETID_…` variables (those of this process by default).
        replaced: Parts that replace the usual ones.

    Raises:
        CannotStart: With every mistake in the settings, or the fault of the server's key or database.
    """

    def build(*, serves: bool) -> Flask:
        instance = instance_path(environ, PROJECT / "instance").resolve()
        return build_app(load_settings(instance, environ), instance, serves=serves, **replaced)

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
    **replaced: Unpack[Replaced],
) -> Flask:
    """Build a server from loaded settings.

    Args:
        settings: The operator's settings.
        instance: The instance folder.
        ring: The server's keys, if the caller has made the database and checks the keys itself (`KeyCheck`).
        serves: Whether it answers requests. A command needs no pages, and starts quickly without them.
        replaced: Parts that replace the usual ones.

    Raises:
        UrlRefused, ConfigError: The database's URL, or a setting of the directory, cannot be used.
        KeyringError: A key is missing, or there is none.
        StoreUnavailable: The database does not answer which keys it needs.
    """
    clock = replaced.get("clock") or ServerClock()
    log = (open_log if serves else LateLog)(replaced.get("log_stream") or sys.stderr)
    app = wiring.new_application(settings, instance) if serves else Flask("app", instance_path=str(instance))
    open_database(app, settings, instance, clock, log, must_exist=ring is not None)
    ring = ring or open_keys(app, settings, instance, clock)
    services = open_services(app, settings, ring, log, clock, replaced=replaced)
    if serves:
        wiring.sign_sessions(app, ring)
        server = wiring.open_server(app, settings, services, log)
        wiring.add_pages(app, settings, server, services, log)
    cli.register(app, services)
    return app
