"""What the composition root joins for a login: limits, the store of failures, and the key of names."""

from collections.abc import Callable

from app_values import limits
from keys import KeyRing
from login import Guard, open_guard, parse_limits
from models import FailureStore, StoreUnavailable
from settings import Settings
from telemetry import Log


def login_guard(settings: Settings, ring: KeyRing, log: Log, clock: Callable[[], float]) -> Guard:
    """The guard in front of the directory.

    Args:
        settings: what the operator chose.
        ring: the server's keys.
        log: for its alarms.
        clock: seconds since the epoch.
    """
    return open_guard(
        FailureStore(),
        trouble=StoreUnavailable,
        name_key=ring.derive("login name")[0].key,
        realms=settings.ldap_realms,
        limits=limits(settings),
        client_rate=parse_limits(settings.client_rate),
        workers=settings.workers,
        log=log,
        clock=clock,
    )
