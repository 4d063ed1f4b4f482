"""`flask serve`: the production server, after a migration and a few checks."""

import os
import socket
import ssl
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click
from flask import current_app
from flask.cli import with_appcontext

from cli.output import CommandRefused, DiscreetCommand, print_line, print_lines, refuses_plainly
from cli.server.database_wait import await_database
from cli.server.demo_program import listener, program_client, running_program
from cli.server.exposure import refuse_exposure
from cli.server.walkthrough import demo_client, environment, guide, local_authority
from cli.services import operator, services
from models import db
from settings import SECRET_VARIABLES, Settings, load_settings
from settings.keyring import KeyRing
from telemetry import configure_standard_logging

if TYPE_CHECKING:
    from serving import Options


@click.command(cls=DiscreetCommand)
@click.option(
    "--walkthrough", is_flag=True, help="Try it: HTTPS on localhost, a demo client, and commands to copy."
)
@with_appcontext
@refuses_plainly
def serve(walkthrough: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Start the production server.

    It waits for the database, and migrates it first if necessary. `instance/config.toml` and NETID_...
    variables have the settings.
    """
    with await_database().app_context():
        instance = Path(current_app.instance_path)
        settings = services().settings
        if walkthrough:
            settings = load_settings(instance, {**os.environ, **environment(settings, instance)})
        refuse_exposure(settings)
        _refuse_busy_port(settings)
        _refuse_unusable_tls(settings.tls_cert_file, settings.tls_key_file)
        beside = _prepare_walkthrough(settings, instance) if walkthrough else nullcontext()
        if not walkthrough:
            _announce(settings)
        # Each worker opens its own connections: none may be shared across a fork.
        db.engine.dispose()
        configure_standard_logging()
        with beside:
            _serve(settings, instance, services().ring)


def _prepare_walkthrough(settings: Settings, instance: Path) -> AbstractContextManager[None]:
    """Register the demo clients, print the guide, and return what runs the demo program beside the server."""
    clients, actor = services().clients, operator()
    client, program_id = demo_client(clients, instance, actor), program_client(clients, instance, actor)
    listening = listener()
    program_url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    print_lines(guide(settings, instance, client, (program_url, program_id)))
    ca = local_authority(settings, instance)
    return running_program(settings.issuer, program_id, ca, listening)


def _serve(settings: Settings, instance: Path, ring: KeyRing) -> None:
    """Start the server. Workers get settings and keys from memory, not from the environment."""
    from serving import forget_variables, serve

    forget_variables(SECRET_VARIABLES)
    # Imported by name, since `wiring` stands above this package.
    make_worker = import_module("wiring.worker").create_worker
    serve(partial(make_worker, settings, instance, ring), server_options(settings))


def server_options(settings: Settings) -> "Options":
    """What the server is told of its settings.

    Args:
        settings: the operator's.
    """
    from serving import Options

    return Options(
        host=settings.bind_host,
        port=settings.bind_port,
        workers=settings.workers,
        threads=settings.threads,
        connections=settings.max_connections,
        certificate=settings.tls_cert_file,
        key=settings.tls_key_file,
    )


def _announce(settings: Settings) -> None:
    """Print where the server listens, and a warning if its users are those of the embedded directory."""
    scheme = "https" if settings.tls_cert_file else "http"
    print_line(f"NetID OAuth serves {settings.issuer} on {scheme}://{settings.bind}.", err=True)
    if settings.ldap.embedded_path is not None:
        print_line("Its people are those of the embedded directory: set NETID_LDAP_URI.", err=True)


def _refuse_busy_port(settings: Settings) -> None:
    """Refuse an address that another program uses: with SO_REUSEPORT the two would share it silently."""
    family = socket.AF_INET6 if ":" in settings.bind_host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.bind_host, settings.bind_port))
        except OSError as error:
            raise CommandRefused(
                f"{settings.bind} cannot be listened on ({error.strerror}): "
                "choose another address with NETID_BIND, such as NETID_BIND=127.0.0.1:8444."
            ) from None


def _refuse_unusable_tls(certificate: Path | None, key: Path | None) -> None:
    """Refuse a certificate and key that do not belong together, or a key that is not unencrypted PKCS#8."""
    if certificate is None or key is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:
        raise CommandRefused(
            f"NETID_TLS_CERT_FILE and NETID_TLS_KEY_FILE cannot be used together: {error}."
        ) from None
    if "BEGIN PRIVATE KEY" not in key.read_text("utf-8", errors="replace"):
        raise CommandRefused(
            f"{key} is not an unencrypted PKCS#8 key: openssl pkcs8 -topk8 -nocrypt -in {key} -out {key}.pk8"
        )
