"""Builds the application of a worker process."""

import sys
from pathlib import Path

from flask import Flask

import cli
from app import build_app
from directory.ldap import ConfigError
from models import Checkpoints, db
from serving import cpu_affinity, scheduling
from settings import Settings, SettingsError
from settings.keyring import KeyRing, KeyringError
from telemetry import open_log
from wiring.audit import write_refusals_at_end
from wiring.directory_check import DirectoryCheck, warn_of_unknown_groups
from wiring.key_check import KeyCheck


def create_worker(settings: Settings, instance: Path, ring: KeyRing) -> Flask:
    """Build the server of a worker process. It checkpoints SQLite, and stores waiting events when it ends.

    It starts without its database too, and answers 503 until its keys are checked against the database.

    Args:
        settings: the operator's settings, as the supervisor read them.
        instance: the instance folder.
        ring: the server's keys.

    Raises:
        SystemExit: an operator must fix a fault, which is in the log.
    """
    log = open_log(sys.stderr)
    try:
        app = build_app(settings, instance, ring=ring)
        services = cli.services_of(app)
        if cpu_affinity.is_wanted(settings.cpu_affinity):
            _pin(instance)
        KeyCheck(app, ring, log, services.clock).begin()
    except (ConfigError, KeyringError, SettingsError) as error:
        log.error("worker.cannot_start", cause=str(error), alarm=True)  # noqa: TRY400 - one line, no stack
        raise SystemExit(1) from None
    with app.app_context():
        checkpoints = Checkpoints(db.engine)
    services.grants.commits.wrote = checkpoints.wrote
    checkpoints.start()
    write_refusals_at_end(app)
    app.extensions[DirectoryCheck.NAME].begin()
    warn_of_unknown_groups(app, log)
    return app


def _pin(instance: Path) -> None:
    """Pin this worker to a CPU, if one can be found, before it starts threads."""
    if cpu_affinity.keep_to_one_cpu(instance) is not None:
        scheduling.let_threads_finish()
