"""The part of the composition root that joins logins to their stores and their directory."""

from collections.abc import Callable

from directory import Directory
from login import Login, Names, open_guard
from models import FailureStore, RefusedPasswordStore, StoreUnavailable
from settings import Settings
from settings.keyring import KeyRing
from telemetry import Log
from wiring.from_settings import guard_rules

_NAMES = "login name"


def login_names(settings: Settings, ring: KeyRing) -> Names:
    """The digests by which failures are counted, for whoever looks them up.

    Args:
        settings: what the operator chose.
        ring: the server's keys.
    """
    return Names(ring.derive(_NAMES)[0].key, settings.ldap.realms)


def open_login(
    settings: Settings, ring: KeyRing, directory: Directory, log: Log, clock: Callable[[], float]
) -> Login:
    """Logins, and what stands between them and the directory.

    Args:
        settings: what the operator chose.
        directory: who knows the people.
        ring: the server's keys.
        log: where it is told that failures cannot be counted.
        clock: seconds since the epoch.
    """
    guard = open_guard(
        guard_rules(settings),
        FailureStore(),
        RefusedPasswordStore(),
        trouble=StoreUnavailable,
        keys=(ring.derive(_NAMES)[0].key, ring.derive("refused password")[0].key),
        log=log,
        clock=clock,
    )
    # One thread is left for all that is no login.
    return Login(directory, guard, places=max(1, settings.threads - 1))
