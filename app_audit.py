"""What the composition root makes for the audit of refusals, and what is written when a process ends."""

from collections.abc import Callable
from multiprocessing.util import Finalize

from flask import Flask

from keys import KeyRing
from login import Names
from models import RefusalLedger
from oauth import Refusals
from settings import Settings

_LEDGER = "netid-refusals"


def audit_names(settings: Settings, ring: KeyRing) -> Names:
    """The digests of login names that nobody has, under a key of their own.

    Args:
        settings: what the operator chose.
        ring: the server's keys.
    """
    return Names(ring.derive("login name in the audit")[0].key, settings.ldap_realms)


def open_refusals(app: Flask, names: Names, clock: Callable[[], float]) -> Refusals:
    """The refusals of one application.

    Args:
        app: the application.
        names: digests of login names.
        clock: seconds since the epoch.
    """
    app.extensions[_LEDGER] = ledger = RefusalLedger(clock)
    return Refusals(ledger, names, clock)


def write_refusals_at_end(app: Flask) -> None:
    """Write down what waits once this process is told to end."""
    # A worker process leaves without what `atexit` knows.
    Finalize(None, write_refusals, args=(app,), exitpriority=0)


def write_refusals(app: Flask) -> None:
    """Write down the refusals that wait."""
    with app.app_context():
        app.extensions[_LEDGER].write()
