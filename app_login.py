"""What the composition root joins for a login: limits, the store of failures, and the key of names."""

from collections.abc import Callable

from app_values import limits
from keys import KeyRing
from login import Guard, Names, open_guard, parse_limits
from models import FailureStore, StoreUnavailable
from settings import Settings
from telemetry import Log

_NAMES = "login name"


def login_names(settings: Settings, ring: KeyRing) -> Names:
    """The digests by which failures are counted, for whoever looks them up.

    Args:
        settings: what the operator chose.
        ring: the server's keys.
    """
    return Names(ring.derive(_NAMES)[0].key, settings.ldap_realms)


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
        name_key=ring.derive(_NAMES)[0].key,
        realms=settings.ldap_realms,
        limits=limits(settings),
        client_rate=parse_limits(settings.client_rate),
        workers=settings.workers,
        log=log,
        clock=clock,
    )
