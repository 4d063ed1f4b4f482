"""The services of the application that runs a command, and the operator who runs it."""

import os
import pwd
import re
from collections.abc import Mapping
from pathlib import Path

import click
from flask import Flask, current_app

from admin import Services
from cli.output import Misused
from telemetry import ACTOR_LENGTH, Actor, redact_tokens

_EXTENSION = "netid-oauth"
_REASON = "netid-oauth.reason"
_LOGIN_UID = Path("/proc/self/loginuid")
# `SUDO_USER` may hold any text. A comma or a bracket in it could pass for what the kernel says.
_NOT_IN_A_NAME = re.compile(r"[^\w.@\\$+-]", re.ASCII)
# What the kernel says if nobody logged in, as for a service: (uid_t) -1 (audit_getloginuid(3)).
_NO_LOGIN = 0xFFFF_FFFF


def attach_services(app: Flask, services: Services) -> None:
    """Give an application the services that its commands work on.

    Args:
        app: the application.
        services: the services.
    """
    app.extensions[_EXTENSION] = services


def services_of(app: Flask) -> Services:
    """The services of an application.

    Args:
        app: an application that `attach_services` was called with.
    """
    attached: Services = app.extensions[_EXTENSION]
    return attached


def services() -> Services:
    """The services of the application that runs the command."""
    return services_of(current_app)


def _keep_reason(context: click.Context, _option: object, reason: str | None) -> None:
    """Keep the reason for `operator`.

    Raises:
        Misused: the reason is empty, too long or not printable.
    """
    if reason is None:
        return
    if not reason.isprintable() or not 0 < len(reason.strip()) <= ACTOR_LENGTH:
        raise Misused(f"--reason takes 1 to {ACTOR_LENGTH} printable characters.")
    context.meta[_REASON] = redact_tokens(reason.strip())


with_reason = click.option(
    "--reason",
    metavar="TEXT",
    expose_value=False,
    callback=_keep_reason,
    help="Why, for the audit and the log: such as a ticket's number.",
)
"""The option of every command that changes something. `operator` takes its value."""


def operator() -> Actor:
    """Who runs the command, and the reason that `--reason` gives."""
    context = click.get_current_context()
    return Actor(user_name(os.getuid(), os.environ), context.meta.get(_REASON))


def user_name(uid: int, environ: Mapping[str, str], login_uid_file: Path = _LOGIN_UID) -> str:
    """The name of a process's user, and in brackets the user who logged in or called sudo, if another.

    The kernel keeps the login's user across `su` and `sudo`. Anybody can set `SUDO_USER`, so it never
    replaces what the kernel says.

    Args:
        uid: the process's user.
        environ: the process's environment, for `SUDO_USER`.
        login_uid_file: where the kernel says who logged in (Linux).
    """
    name = _name_of(uid)
    sudo = _NOT_IN_A_NAME.sub("?", environ.get("SUDO_USER", ""))
    others = {"login": _login_name(login_uid_file), "sudo": sudo}
    if others["sudo"] == others["login"]:
        del others["sudo"]
    known = [f"{way} {other}" for way, other in others.items() if other and other != name]
    return f"{name} ({', '.join(known)})" if known else name


def _login_name(file: Path) -> str:
    try:
        uid = int(file.read_text("ascii"))
    except (OSError, ValueError):
        return ""
    return "" if uid == _NO_LOGIN else _name_of(uid)


def _name_of(uid: int) -> str:
    try:
        return _printable(pwd.getpwuid(uid).pw_name)
    except KeyError:
        # A container often has no entry for its user.
        return f"uid {uid}"


def _printable(name: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in name)
