"""`flask serve`: the production server, set up first where something is missing."""

import logging
import os
import socket
import ssl
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext

from cli.output import speaks_plainly
from cli.services import services
from cli.walkthrough import demo_client, environment, guide
from models import db, is_current
from settings import Settings, load_settings
from telemetry import configure_standard_logging

# A login may take its whole deadline; a worker that is told to stop lets it end.
_GRACE_SECONDS = 10
_LOGGING = {"loggers": {"_granian": {"propagate": True}, "granian.access": {"propagate": True}}}


@click.command()
@click.option(
    "--walkthrough", is_flag=True, help="HTTPS on localhost, a demo client, and the commands to try."
)
@with_appcontext
@speaks_plainly
def serve(walkthrough: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Serve with the production server; the database is migrated first where it must be."""
    instance = Path(current_app.instance_path)
    settings = services().settings
    if walkthrough:
        os.environ.update(environment(settings, instance))
        settings = load_settings(instance)
    _refuse_busy_port(settings)
    _refuse_other_keys(settings.tls_cert_file, settings.tls_key_file)
    _migrate()
    if walkthrough:
        click.echo(guide(settings, instance, demo_client(services().clients, instance)))
    else:
        _announce(settings)
    # Each worker opens connections of its own: none may be shared across a fork.
    db.engine.dispose()
    configure_standard_logging()
    _serve(settings)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a line of granian's is to be shown: not its doubts about more threads than CPUs, which wait."""
    return not str(record.msg).startswith("Configuration allows spawning")


def _serve(settings: Settings) -> None:
    from granian.constants import HTTPModes, Interfaces, SSLProtocols
    from granian.log import LogLevels
    from granian.server import Server

    logging.getLogger("_granian").addFilter(_is_news)
    Server(
        "app_worker:create_worker",
        factory=True,
        address=settings.bind_host,
        port=settings.bind_port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=settings.workers,
        blocking_threads=settings.threads,
        ssl_cert=settings.tls_cert_file,
        ssl_key=settings.tls_key_file,
        ssl_protocol_min=SSLProtocols.tls12,
        respawn_failed_workers=True,
        workers_kill_timeout=_GRACE_SECONDS,
        log_level=LogLevels.warning,
        log_dictconfig=_LOGGING,
    ).serve()


def _announce(settings: Settings) -> None:
    """One line for the operator, and one more where the people are not theirs."""
    scheme = "https" if settings.tls_cert_file else "http"
    click.echo(f"NetID OAuth serves {settings.issuer} on {scheme}://{settings.bind}.", err=True)
    if settings.embedded_ldif is not None:
        click.echo("Its people are those of the embedded directory: set NETID_LDAP_URI.", err=True)


def _migrate() -> None:
    if is_current():
        return
    from flask_migrate import upgrade

    try:
        upgrade()
    except SystemExit:
        # Flask-Migrate has logged what Alembic said, and would leave without a word to the operator.
        raise click.ClickException(
            "The database cannot be migrated: is it that of a newer release?"
        ) from None


def _refuse_busy_port(settings: Settings) -> None:
    """The server shares its port among workers, and so would share it with a stranger without a word."""
    family = socket.AF_INET6 if ":" in settings.bind_host else socket.AF_INET
    with socket.socket(family) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((settings.bind_host, settings.bind_port))
        except OSError as error:
            raise click.ClickException(
                f"{settings.bind} cannot be listened on ({error.strerror}): "
                "choose another address with NETID_BIND, such as NETID_BIND=127.0.0.1:8444."
            ) from None


def _refuse_other_keys(certificate: Path | None, key: Path | None) -> None:
    if certificate is None or key is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:
        raise click.ClickException(
            f"NETID_TLS_CERT_FILE and NETID_TLS_KEY_FILE cannot be used together: {error}."
        ) from None
    if "BEGIN PRIVATE KEY" not in key.read_text("utf-8", errors="replace"):
        raise click.ClickException(
            f"{key} is not an unencrypted PKCS#8 key: openssl pkcs8 -topk8 -nocrypt -in {key} -out {key}.pk8"
        )
