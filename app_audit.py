"""What the composition root makes for the audit of refusals, and what is written when a process ends."""

from collections.abc import Callable
from multiprocessing.util import Finalize

from flask import Flask

from keys import KeyRing
from models import RefusalLedger
from oauth import NameDigest, Refusals

_LEDGER = "netid-refusals"


def name_digest(ring: KeyRing) -> NameDigest:
    """The digest of login names that nobody has, under a key of its own."""
    return NameDigest(ring.derive("login name in the audit")[0].key)


def open_refusals(app: Flask, names: NameDigest, clock: Callable[[], float]) -> Refusals:
    """The refusals of one application.

    Args:
        app: the application.
        names: the digest of login names.
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
