"""Writes audit events that no token causes: refusals, clock alarms, states of directory servers."""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing.util import Finalize

from flask import Flask

import login
import oauth
from directory import ldap
from models import RefusalLedger
from settings import Settings
from settings.keyring import KeyRing
from telemetry import REASON_LENGTH, AuditEvent, Log

_LEDGER = "netid-refusals"


def audit_names(settings: Settings, ring: KeyRing) -> login.Names:
    """Make the digests of login names that match no entry. They have a key of their own.

    Args:
        settings: the operator's settings.
        ring: the server's keys.
    """
    return login.Names(ring.derive("login name in the audit")[0].key, settings.ldap.realms)


def open_ledger(app: Flask, clock: Callable[[], float]) -> None:
    """Make the ledger of an application. Its events are stored with later refusals, or when the process ends.

    Args:
        app: the application.
        clock: seconds since the epoch.
    """
    app.extensions[_LEDGER] = RefusalLedger(clock)


def open_audit(app: Flask, names: login.Names, log: Log, clock: Callable[[], float]) -> oauth.Audit:
    """Open the audit of an application.

    Args:
        app: the application.
        names: digests of login names.
        log: receives a line for each event.
        clock: seconds since the epoch.
    """
    return oauth.Audit(app.extensions[_LEDGER], names, log, clock)


def operator_log(log: Log) -> Callable[[AuditEvent], None]:
    """The function that logs a change by an operator.

    Args:
        log: receives a line for each event.
    """

    def tell(event: AuditEvent) -> None:
        log.info(event.event, **event.facts())

    return tell


class ClockAlarms:
    """Reports that the server's clock jumped forward, or is ahead of the database's clock."""

    def __init__(self, app: Flask, log: Log) -> None:
        self._app = app
        self._log = log

    def tell(self, what: str, seconds: float, now: float) -> None:
        """Report to the log, as an alarm, and to the audit.

        Args:
            what: the name of the event.
            seconds: by how many seconds the clocks differ.
            now: seconds since the epoch.
        """
        self._log.error(what, seconds=round(seconds), alarm=True)
        self._app.extensions[_LEDGER].add(AuditEvent(event=what, at=int(now), reason=f"{seconds:.0f} s"))


class ServerStates:
    """Reports directory servers that fail and recover: while another one answers, no login would show it.

    The caller holds the lock of the servers, so only the log line is written at once. The audit row waits.
    """

    def __init__(self, app: Flask, log: Log, clock: Callable[[], float]) -> None:
        self._app = app
        self._log = log
        self._clock = clock
        self._down: set[str] = set()

    def tell(self, uri: str, state: str) -> None:
        """Report a change of a server's state, unless the server is only being tried again.

        Args:
            uri: the server.
            state: its new state.
        """
        was_down = uri in self._down
        if state == ldap.ServerState.QUARANTINED and not was_down:
            self._down.add(uri)
            self._log.warning("directory.server_down", server=uri)
        elif state == ldap.ServerState.GOOD and was_down:
            self._down.discard(uri)
            self._log.info("directory.server_good", server=uri)
        else:
            return
        name = "directory.server_good" if was_down else "directory.server_down"
        event = AuditEvent(event=name, at=int(self._clock()), reason=uri[:REASON_LENGTH])
        self._app.extensions[_LEDGER].add(event)


def write_refusals_at_end(app: Flask) -> None:
    """Store the waiting events when this process ends."""
    # A worker process of multiprocessing does not run the functions of `atexit`.
    Finalize(None, write_refusals, args=(app,), exitpriority=0)


def write_refusals(app: Flask) -> None:
    """Store the waiting events."""
    with app.app_context():
        app.extensions[_LEDGER].write()
