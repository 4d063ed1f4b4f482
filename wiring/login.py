"""The part of the composition root that joins logins to their stores and their directory."""

from collections.abc import Callable

from directory import Directory
from login import Login, LoginStores, Names
from models import FailureStore, RefusedPasswordStore, StoreUnavailable
from settings import Settings
from settings.keyring import KeyRing
from telemetry import Log
from wiring.from_settings import login_rules

_NAMES = "login name"


def login_names(settings: Settings, ring: KeyRing) -> Names:
    """The digests of login names by which failures are counted.

    Args:
        settings: the operator's settings.
        ring: the server's keys.
    """
    return Names(ring.derive(_NAMES)[0].key, settings.ldap.realms)


def open_login(
    settings: Settings, ring: KeyRing, directory: Directory, log: Log, clock: Callable[[], float]
) -> Login:
    """Build logins over the database's stores.

    Args:
        settings: the operator's settings.
        ring: the server's keys.
        directory: finds people and verifies their passwords.
        log: receives an alarm when failures cannot be counted.
        clock: seconds since the epoch.
    """
    return Login(
        directory,
        login_rules(settings),
        LoginStores(FailureStore(), RefusedPasswordStore(), StoreUnavailable),
        keys=(ring.derive(_NAMES)[0].key, ring.derive("refused password")[0].key),
        log=log,
        clock=clock,
    )
