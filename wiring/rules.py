"""Warns at the start of groups that rules name and the directory does not have.

Owns: that this is beside all requests, and waits for a directory or a database that is away. Must not know:
what is wrong with a group.
"""

import threading
from collections.abc import Callable

from flask import Flask

import cli
from directory import DirectoryUnavailable
from models import StoreUnavailable
from oauth import doubts
from telemetry import Log

_TRIES = 60
_SECONDS_BETWEEN = 60.0


def warn_of_unknown_groups(app: Flask, log: Log) -> threading.Thread:
    """Look for the groups in a thread of its own, so that no start waits for the directory.

    Args:
        app: the application, with its services.
        log: where the groups are told.
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
        app: the application, with its services.
        log: where the groups are told.
        wait: waits for so many seconds before the next try, where the directory or the database cannot say.
    """
    services = cli.services_of(app)
    if not services.ldap_config.sees_people:
        return  # An anonymous search would see no groups either.
    for _ in range(_TRIES):
        try:
            with app.app_context():
                found = list(doubts(services.named_groups(), services.directory.spelling))
        except (DirectoryUnavailable, StoreUnavailable):
            wait(_SECONDS_BETWEEN)
            continue
        for doubt in found:
            log.warning("rule.group_unknown", group=doubt.dn, places=doubt.places, cause=doubt.why)
        return
