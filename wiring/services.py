"""Builds the services that operators and the server share: the directory, the stores and the keys."""

import time
from collections.abc import Callable

from flask import Flask

from admin import Services
from directory import Directory
from directory.ldap import open_directory
from login import ClientFailures
from models import ClientStore, GrantCap, GrantStore, GroupCommit
from oauth import StrictClientAuthentication
from settings import Settings
from settings.keyring import KeyRing
from telemetry import Log
from wiring.audit import ServerStates, audit_names, operator_log
from wiring.from_settings import client_limits, ldap_config, limits
from wiring.keys import persistent_secrets, secret_hasher, signing_keys
from wiring.login import login_names


def open_services(
    app: Flask,
    settings: Settings,
    ring: KeyRing,
    log: Log,
    clock: Callable[[], float],
    *,
    directory: Directory | None,
) -> Services:
    """The services of one application.

    Args:
        app: the application, with its database.
        settings: what the operator chose.
        ring: the server's keys.
        log: where failing directory servers and changes by operators are logged.
        clock: seconds since the epoch.
        directory: replaces the directory that the settings name.

    Raises:
        ConfigError: the settings of the directory cannot be used.
    """
    ldap = ldap_config(settings)
    grants, clients = _stores(settings, ring, log, clock)
    return Services(
        clients=clients,
        client_auth=_client_authentication(clients, settings, clock),
        grants=grants,
        ring=ring,
        signing_keys=signing_keys(ring, clock),
        persistent_secrets=persistent_secrets(ring, clock),
        directory=directory or open_directory(ldap, clock=clock, tell=ServerStates(app, log, clock).tell),
        clock=clock,
        settings=settings,
        ldap_config=ldap,
        audit_names=audit_names(settings, ring),
        login_names=login_names(settings, ring),
        limits=limits(settings),
        tell=operator_log(log),
    )


def _stores(
    settings: Settings, ring: KeyRing, log: Log, clock: Callable[[], float]
) -> tuple[GrantStore, ClientStore]:
    grants = GrantStore(clock, GroupCommit(), GrantCap(settings.grants_per_person))
    return grants, ClientStore(secret_hasher(ring), grants, clock, operator_log(log))


def _client_authentication(
    clients: ClientStore, settings: Settings, clock: Callable[[], float]
) -> StrictClientAuthentication:
    failures = ClientFailures(client_limits(settings), monotonic=time.monotonic)
    return StrictClientAuthentication(clients, failures, clock)
