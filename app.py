"""The composition root: settings, keys, stores, directory, login, server and pages, joined in that order.

Owns: which implementation serves which contract; for a login `app_login` has it. They are the only modules
that may know every package.
"""

import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TextIO

from flask import Flask

import cli
from admin import Services
from directory import Directory
from directory.ldap import ConfigError, LdapConfig, open_directory
from models import (
    ClientStore,
    GrantCap,
    GrantStore,
    GroupCommit,
    ServerClock,
    StoreUnavailable,
    UrlRefused,
)
from settings import Settings, SettingsError, instance_path, load_settings
from settings.keyring import KeyRing, KeyringError
from telemetry import open_log
from wiring.audit import ServerStates, audit_names
from wiring.database import open_database
from wiring.from_settings import ldap_config, limits
from wiring.keys import open_keys, persistent_secrets, secret_hasher, signing_keys
from wiring.login import login_names
from wiring.oauth import open_server
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
        environ: where the `NETID_…` variables are (the process's own by default).
        clock: seconds since the epoch; by the database's clock unless given.
        directory: one to use in place of the one that the settings name.
        log_stream: where log lines go (standard error by default).

    Raises:
        CannotStart: with every mistake in the settings, or what is wrong with the server's key or database.
    """
    environ = os.environ if environ is None else environ

    def build() -> Flask:
        instance = instance_path(environ, PROJECT / "instance").resolve()
        settings = load_settings(instance, environ)
        return build_app(settings, instance, clock=clock, directory=directory, log_stream=log_stream)

    try:
        return _said_plainly(build)
    except StoreUnavailable as error:
        if cli.is_command_lookup():
            # `flask serve` waits for its database; every other command says what is wrong with it.
            return cli.placeholder_app(partial(_said_plainly, build), CannotStart(str(error)))
        raise CannotStart(str(error)) from None


def _said_plainly(build: Callable[[], Flask]) -> Flask:
    """Build an application.

    Raises:
        CannotStart: with what the operator must mend.
        StoreUnavailable: the database cannot say whether there is anything.
    """
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
    """Build one server from settings that were read.

    Args:
        settings: what the operator chose.
        instance: the instance folder.
        ring: the server's keys, from a caller that checks them against the database itself (`KeyCheck`), and
            that has made the database. Without them both is done here. Nothing else asks the database.
        clock: seconds since the epoch; by the database's clock unless given.
        directory: one to use in place of the one that the settings name.
        log_stream: where log lines go (standard error by default).

    Raises:
        UrlRefused: the URL of the database cannot be used.
        KeyringError: a key is missing, or there is none.
        ConfigError: the directory cannot be used as it is set up.
        StoreUnavailable: the database cannot say which keys it needs.
    """
    clock, log = clock or ServerClock(), open_log(log_stream or sys.stderr)
    app = new_application(settings, instance)
    open_database(app, settings, instance, clock, log, must_exist=ring is not None)
    if ring is None:
        with app.app_context():
            ring = open_keys(settings, instance, int(clock()))
    sign_sessions(app, ring)
    ldap = ldap_config(settings)
    directory = directory or open_directory(ldap, clock=clock, tell=ServerStates(app, log, clock).tell)
    parts = _open_services(settings, ring, ldap, directory, clock)
    server = open_server(app, settings, parts, log)
    add_pages(app, settings, server, parts, log)
    cli.register(app, parts)
    return app


def _open_services(
    settings: Settings, ring: KeyRing, ldap: LdapConfig, directory: Directory, clock: Callable[[], float]
) -> Services:
    grants = GrantStore(clock, GroupCommit(), GrantCap(settings.grants_per_person))
    return Services(
        clients=ClientStore(secret_hasher(ring), grants, clock),
        grants=grants,
        ring=ring,
        signing_keys=signing_keys(ring, clock),
        persistent_secrets=persistent_secrets(ring, clock),
        directory=directory,
        clock=clock,
        settings=settings,
        ldap_config=ldap,
        audit_names=audit_names(settings, ring),
        login_names=login_names(settings, ring),
        limits=limits(settings),
    )
