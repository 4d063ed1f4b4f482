"""Warns at the start about groups that rules name and the directory does not have.

Owns: that the search runs in the background, and is retried while the directory or the database is away. Must
not know: what is wrong with a group.
"""

import threading
from collections.abc import Callable

from flask import Flask

import cli
from directory import DirectoryUnavailable
from models import StoreUnavailable
from oauth import doubts
from telemetry import Log

_MAX_TRIES = 60
_RETRY_SECONDS = 60.0


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
