"""Builds the services that operators and the server share: the directory, the stores and the keys."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from flask import Flask

import login
import oauth
from admin import Services
from directory import Directory, ldap
from models import ClientStore, GrantCap, GrantStore, GroupCommit, ScopeStore, is_known_user
from models.tables import DEFAULT_DIRECTORY
from settings import Settings
from settings.keyring import KeyRing
from telemetry import Log, system_log
from wiring import from_settings, keys
from wiring.audit import ServerStates, audit_names, operator_log
from wiring.login import login_names
from wiring.start import Replaced


@dataclass(frozen=True, kw_only=True)
class _LazyServices(Services):
    """Services that are opened at their first use."""

    app: Flask
    log: Log
    replacement: Directory | None

    @cached_property
    def directory(self) -> Directory:
        """The directory that the settings name, or its replacement."""
        tell = ServerStates(self.app, self.log, self.clock).tell
        return self.replacement or ldap.open_directory(self.ldap_config, clock=self.clock, tell=tell)

    @cached_property
    def ldap_config(self) -> ldap.LdapConfig:
        """The settings of the directory.

        Raises:
            ConfigError: they cannot be used.
        """
        return from_settings.ldap_config(self.settings)

    @cached_property
    def signing_keys(self) -> oauth.SigningKeys:
        """The keys that sign tokens."""
        return keys.signing_keys(self.ring, self.clock)

    @cached_property
    def client_auth(self) -> oauth.StrictClientAuthentication:
        """Authenticates clients, with one count of failures for every endpoint."""
        limits = from_settings.client_limits(self.settings)
        failures = login.ClientFailures(limits, monotonic=time.monotonic)
        return oauth.StrictClientAuthentication(self.clients, failures, self.clock)

    @cached_property
    def audit_names(self) -> login.Names:
        """The digests of login names in the audit."""
        return audit_names(self.settings, self.ring)

    @cached_property
    def login_names(self) -> login.Names:
        """The digests of login names by which failures are counted."""
        return login_names(self.settings, self.ring)

    @cached_property
    def limits(self) -> login.Limits:
        """The limits on failed logins."""
        return from_settings.limits(self.settings)

    @cached_property
    def app_password_rules(self) -> oauth.AppPasswordRules:
        """The rules for new app passwords."""
        return oauth.AppPasswordRules(
            max_days=self.settings.app_password_max_days,
            can_read=self.settings.ldap.sees_people,
            restrictions=from_settings.restrictions(self.settings),
            scope_rules=lambda: oauth.ScopeRules(ScopeStore().list()),
            is_known=lambda client_id, subject, before: is_known_user(
                client_id, DEFAULT_DIRECTORY, subject, before
            ),
        )


def open_services(
    app: Flask,
    settings: Settings,
    ring: KeyRing,
    log: Log,
    clock: Callable[[], float],
    *,
    replaced: Replaced,
) -> Services:
    """Open the services of one application.

    Args:
        app: the application, with its database.
        settings: the operator's settings.
        ring: the server's keys.
        log: receives failures of directory servers.
        clock: seconds since the epoch.
        replaced: parts that replace the usual ones. Changes by operators go to its log stream too, if it has
            one, and else to the log of the system.
    """
    tell = operator_log(log if replaced.get("log_stream") else system_log() or log)
    grants = GrantStore(clock, GroupCommit(), GrantCap(settings.grants_per_person))
    return _LazyServices(
        clients=ClientStore(keys.secret_hasher(ring), grants, clock, tell),
        grants=grants,
        ring=ring,
        persistent_secrets=keys.persistent_secrets(ring, clock),
        clock=clock,
        settings=settings,
        tell=tell,
        app=app,
        log=log,
        replacement=replaced.get("directory"),
    )
