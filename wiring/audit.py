"""What the composition root makes for the audit of refusals, and what is written when a process ends."""

from collections.abc import Callable
from multiprocessing.util import Finalize

from flask import Flask

from directory.ldap import ServerState
from login import Names
from models import RefusalLedger
from oauth import Refusals
from settings import Settings
from settings.keyring import KeyRing
from telemetry import AuditEvent, Log

_LEDGER = "netid-refusals"
_REASON_LENGTH = 64


def audit_names(settings: Settings, ring: KeyRing) -> Names:
    """The digests of login names that nobody has, under a key of their own.

    Args:
        settings: what the operator chose.
        ring: the server's keys.
    """
    return Names(ring.derive("login name in the audit")[0].key, settings.ldap.realms)


def open_ledger(app: Flask, clock: Callable[[], float]) -> None:
    """Make the ledger of one application: what waits in it is written with later refusals, or at the end.

    Args:
        app: the application.
        clock: seconds since the epoch.
    """
    app.extensions[_LEDGER] = RefusalLedger(clock)


def open_refusals(app: Flask, names: Names, clock: Callable[[], float]) -> Refusals:
    """The refusals of one application.

    Args:
        app: the application.
        names: digests of login names.
        clock: seconds since the epoch.
    """
    return Refusals(app.extensions[_LEDGER], names, clock)


class ClockAlarms:
    """Tells that the clock which everything goes by went forward by much, or is ahead of the database's."""

    def __init__(self, app: Flask, log: Log) -> None:
        self._app = app
        self._log = log

    def tell(self, what: str, seconds: float, now: float) -> None:
        """Tell once, as an alarm and in the audit.

        Args:
            what: the event.
            seconds: by how much.
            now: seconds since the epoch.
        """
        self._log.error(what, seconds=round(seconds), alarm=True)
        self._app.extensions[_LEDGER].add(AuditEvent(event=what, at=int(now), reason=f"{seconds:.0f} s"))


class ServerStates:
    """Tells of directory servers that fail and come back: where another stands in, nobody else would notice.

    It is asked while the servers are held, so that it writes nothing but the line; the row waits.
    """

    def __init__(self, app: Flask, log: Log, clock: Callable[[], float]) -> None:
        self._app = app
        self._log = log
        self._clock = clock
        self._down: set[str] = set()

    def tell(self, uri: str, state: str) -> None:
        """Tell of a server that is in another state now, unless it is only being tried again."""
        was_down = uri in self._down
        if state == ServerState.QUARANTINED and not was_down:
            self._down.add(uri)
            self._log.warning("directory.server_down", server=uri)
        elif state == ServerState.GOOD and was_down:
            self._down.discard(uri)
            self._log.info("directory.server_good", server=uri)
        else:
            return
        name = "directory.server_good" if was_down else "directory.server_down"
        event = AuditEvent(event=name, at=int(self._clock()), reason=uri[:_REASON_LENGTH])
        self._app.extensions[_LEDGER].add(event)


def write_refusals_at_end(app: Flask) -> None:
    """Write down what waits once this process is told to end."""
    # A worker process leaves without what `atexit` knows.
    Finalize(None, write_refusals, args=(app,), exitpriority=0)


def write_refusals(app: Flask) -> None:
    """Write down the refusals that wait."""
    with app.app_context():
        app.extensions[_LEDGER].write()
