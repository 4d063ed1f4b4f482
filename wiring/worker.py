"""Builds the application of a worker process, and what runs beside its requests."""

import gc
import sys
from pathlib import Path

from flask import Flask

import cli
from admin import Services
from app import build_app
from directory.ldap import ConfigError
from models import Checkpoints, Housekeeping, LogoutNoticeStore, db
from oauth.logout.notice_sender import NoticeSender, Sending
from outgoing import OutgoingClient
from serving import cpu_affinity, scheduling
from settings import Settings, SettingsError
from settings.keyring import KeyRing, KeyringError
from telemetry import Log, open_log
from wiring.audit import write_refusals_at_end
from wiring.directory_check import DirectoryCheck, warn_of_unknown_groups
from wiring.key_check import KeyCheck


def create_worker(settings: Settings, instance: Path, ring: KeyRing) -> Flask:
    """Build the server of a worker process.

    It checkpoints SQLite, tells clients about ended sessions, counts usage, ends app passwords that are due,
    and stores waiting events when it ends.

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
    open_notice_sender(app, settings, services, log).start()
    Housekeeping(services.clock, log, app.app_context).start()
    app.extensions[DirectoryCheck.NAME].begin()
    warn_of_unknown_groups(app, log)
    # What was made so far lives as long as the process. A full search for garbage need not pass over it.
    gc.collect()
    gc.freeze()
    return app


def open_notice_sender(app: Flask, settings: Settings, services: Services, log: Log) -> NoticeSender:
    """Make what tells clients about the end of sessions. It sends nothing until it is started.

    Args:
        app: the application.
        settings: the operator's settings.
        services: the clients, the keys and the clock.
        log: receives a line for each try.
    """
    client = OutgoingClient(
        ca_file=settings.outgoing_ca_file,
        seconds=settings.outgoing_deadline,
        allow_private=settings.outgoing_allow_private,
    )
    sending = Sending(
        store=LogoutNoticeStore(),
        clients=services.clients,
        keys=services.signing_keys,
        issuer=settings.issuer,
        post=client.post_form,
        longest=settings.outgoing_deadline,
        clock=services.clock,
        log=log,
    )
    return NoticeSender(sending, app.app_context)


def _pin(instance: Path) -> None:
    """Pin this worker to a CPU, if one can be found, before it starts threads."""
    if cpu_affinity.keep_to_one_cpu(instance) is not None:
        scheduling.let_threads_finish()
