"""Checks after the start that settings find users, and that the directory has the groups that rules name.

Owns: that both checks run in the background and are repeated during an outage, and
that a fault of the settings is logged once and degrades `/readyz`. Must not know: what is wrong with a
setting or a group.
"""

import threading
from collections.abc import Callable
from typing import Final

from flask import Flask

import cli
from directory import Directory, DirectoryUnavailable
from models import StoreUnavailable
from oauth import doubts
from telemetry import Log

_RETRY_SECONDS: Final = 60.0
# Of the search for the groups of rules.
_MAX_TRIES: Final = 60


class DirectoryCheck:
    """One check of the directory's settings. Without `begin` it finds no fault."""

    NAME: Final = "directory_check"

    def __init__(self, directory: Directory, log: Log) -> None:
        """Check nothing yet.

        Args:
            directory: the directory.
            log: receives a fault, and its end.
        """
        self._directory = directory
        self._log = log
        self._fault: DirectoryUnavailable | None = None

    def begin(self) -> threading.Thread:
        """Run the check in a thread of its own: the server starts although the directory is away or wrong."""
        wait = threading.Event().wait
        thread = threading.Thread(target=self.run, args=(wait,), name="check of the directory", daemon=True)
        thread.start()
        return thread

    def run(self, wait: Callable[[float], object]) -> None:
        """Check until the settings are good. A directory that is away is checked when it is back.

        Args:
            wait: waits some seconds before the next try.
        """
        while not self._passes():
            wait(_RETRY_SECONDS)

    def require_good(self) -> None:
        """Raise the fault that the last check found, if any.

        Raises:
            DirectoryUnavailable: no login works with these settings.
        """
        if self._fault is not None:
            raise self._fault

    def _passes(self) -> bool:
        try:
            self._directory.check_settings()
        except DirectoryUnavailable as failure:
            # Without an alarm the directory is only away, which other events and `/readyz` report.
            if failure.alarm:
                if self._fault is None or self._fault.cause != failure.cause:
                    self._log.error("directory.settings_wrong", cause=failure.cause, alarm=True)
                self._fault = failure
            return False
        if self._fault is not None:
            self._log.info("directory.settings_good")
        self._fault = None
        return True


def warn_of_unknown_groups(app: Flask, log: Log) -> threading.Thread:
    """Look for the groups in a background thread, so that the start does not wait for the directory.

    Args:
        app: The application, with its services.
        log: Receives a warning for each missing group.
    """
    wait = threading.Event().wait
    thread = threading.Thread(
        target=look_for_groups, args=(app, log, wait), name="groups of rules", daemon=True
    )
    thread.start()
    return thread


def look_for_groups(app: Flask, log: Log, wait: Callable[[float], object]) -> None:
    """Log a warning for each group of a rule that the directory does not have.

    Args:
        app: The application, with its services.
        log: Receives the warnings.
        wait: Waits for a number of seconds before a retry, if the directory or the database is away.
    """
    services = cli.services_of(app)
    if not services.ldap_config.sees_people:
        return  # An anonymous search may not see groups.
    for _ in range(_MAX_TRIES):
        try:
            with app.app_context():
                found = list(doubts(services.named_groups(), services.directory.spelling))
        except (DirectoryUnavailable, StoreUnavailable):
            wait(_RETRY_SECONDS)
            continue
        for doubt in found:
            log.warning("rule.group_unknown", group=doubt.dn, places=doubt.places, cause=doubt.why)
        return
