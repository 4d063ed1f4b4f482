"""The demo program of the walk-through: a public client with a browser, which runs beside the server.

It is `examples/sign_in.py`, in a process of its own on loopback. Only `flask serve --walkthrough` starts it.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.output import CommandRefused
from core.private_files import NotPrivate, read_secret
from models import ClientStore, Registration
from telemetry import Actor

_PROGRAM = Path(__file__).parents[2] / "examples" / "sign_in.py"
_USUAL_PORT = 8444
_PATIENCE_SECONDS = 5
_REGISTRATION = Registration(
    client_name="demo program",
    grant_types=("authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"),
    scope="openid profile email echo offline_access",
    # The port does not count on a loopback address (RFC 8252, 7.3).
    redirect_uris=("http://127.0.0.1/callback",),
    token_endpoint_auth_method="none",  # noqa: S106 - a method's name
)


def program_client(clients: ClientStore, instance: Path, actor: Actor) -> str:
    """The client id of the demo program: the earlier one, or a new one.

    Args:
        clients: Where the client is registered.
        instance: The instance folder, where a file keeps the id.
        actor: Who registers it, for the audit.

    Raises:
        StoreUnavailable: The client cannot be registered.
        CommandRefused: The id cannot be stored.
    """
    file = instance / "demo-program.json"
    try:
        kept = clients.get(str(json.loads(read_secret(file))["client_id"]))
        if kept is not None and kept.disabled_at is None:
            return kept.client_id
    except (OSError, ValueError, KeyError, TypeError, NotPrivate):
        pass  # no usable client is stored: a new one serves as well
    created, _ = clients.create(_REGISTRATION, actor=actor)
    try:
        file.touch(mode=0o600)
        file.chmod(0o600)
        file.write_text(json.dumps({"client_id": created.client_id}), "utf-8")
    except OSError as error:
        raise CommandRefused(f"{file} cannot be written: {error.strerror}.") from None
    return created.client_id


def listener() -> socket.socket:
    """A socket that listens on 127.0.0.1: on the usual port, or on another if that is taken.

    Raises:
        CommandRefused: Every port is taken.
    """
    for port in (_USUAL_PORT, 0):
        try:
            return socket.create_server(("127.0.0.1", port))
        except OSError:
            continue
    raise CommandRefused("The demo program finds no free port on 127.0.0.1.")


@contextmanager
def running_program(issuer: str, client_id: str, ca: Path | None, listening: socket.socket) -> Iterator[None]:
    """Run the demo program during the block.

    It reads a pipe of this process, and ends when no process has the other end: even if this one is killed.

    Args:
        issuer: Of the server.
        client_id: Of the program.
        ca: The authority of the server's certificate; None for those of the system.
        listening: The socket that the program serves. It is closed in this process.
    """
    command = [sys.executable, str(_PROGRAM), issuer, client_id, "--socket", str(listening.fileno())]
    # None of the server's secrets is for the program.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("NETID_")}
    with listening:
        process = subprocess.Popen(  # noqa: S603 - our own program, and no shell
            [*command, *(("--ca", str(ca)) if ca else ())],
            env=environ,
            stdin=subprocess.PIPE,
            pass_fds=[listening.fileno()],
            start_new_session=True,  # Ctrl-C is for the server, which ends the program
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(_PATIENCE_SECONDS)
