"""Joins logins to their stores and to the directory."""

from __future__ import annotations

from collections.abc import Callable

import login
from directory import Directory
from models import AppPasswordStore, FailureStore, RefusedPasswordStore, StoreUnavailable
from settings import Settings
from settings.keyring import KeyRing
from telemetry import Log
from wiring.from_settings import login_rules

_NAMES = "login name"


def login_names(settings: Settings, ring: KeyRing) -> login.Names:
    """Make the digests of login names, under which failures are counted.

    Args:
        settings: the operator's settings.
        ring: the server's keys.
    """
    return login.Names(ring.derive(_NAMES)[0].key, settings.ldap.realms)


def open_login(
    settings: Settings, ring: KeyRing, directory: Directory, log: Log, clock: Callable[[], float]
) -> login.Login:
    """Build logins over the database's stores.

    Args:
        settings: the operator's settings.
        ring: the server's keys.
        directory: finds people and verifies their passwords.
        log: receives an alarm when failures cannot be counted.
        clock: seconds since the epoch.
    """
    return login.Login(
        directory,
        login_rules(settings),
        login.LoginStores(FailureStore(), RefusedPasswordStore(), StoreUnavailable, AppPasswordStore(clock)),
        keys=(ring.derive(_NAMES)[0].key, ring.derive("refused password")[0].key),
        log=log,
        clock=clock,
    )
