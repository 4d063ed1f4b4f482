"""`flask token …`: ending one token, and deleting what has ended."""

import sys
import time
from collections.abc import Callable

import click
from flask.cli import with_appcontext

from cli.output import Refused, as_json, print_json, print_line, speaks_plainly
from cli.services import services
from models import purge as purge_expired
from models import purge_audit
from oauth import ACCESS, REFRESH, key_of
from telemetry import AuditEvent

_DAY = 86_400


@click.group()
def token() -> None:
    """End tokens and delete what has ended."""


@token.command()
@as_json
@with_appcontext
@speaks_plainly
def revoke(as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """End the token on standard input: an access token alone, a refresh token with its whole grant."""
    if sys.stdin.isatty():
        print_line("Paste the token and press Enter:", err=True)
    # What is not text cannot be a token, and is no reason to stumble.
    presented = sys.stdin.buffer.readline().decode(errors="replace").strip()
    event = AuditEvent(event="token.revoked", at=int(services().clock()), reason="operator")
    revoked = False
    if key := key_of(ACCESS, presented):
        revoked = services().grants.revoke_access_token(key, event)
    elif key := key_of(REFRESH, presented):
        revoked = services().grants.revoke_refresh_token(key, event)
    else:
        raise Refused("This is not a token of this server.")
    if as_json:
        print_json({"revoked": revoked})
    else:
        print_line("Revoked." if revoked else "No such token lives: nothing to revoke.")


@token.command()
@click.option(
    "--batch", default=200, show_default=True, type=click.IntRange(1, 100_000), help="Rows a transaction."
)
@click.option(
    "--rest",
    default=3.0,
    show_default=True,
    type=click.FloatRange(0, 100),
    help="After each batch, rest for so many times as long as it took: requests have their turn.",
)
@as_json
@with_appcontext
@speaks_plainly
def purge(batch: int, rest: float, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Delete expired tokens, grants whose last token has ended, and the audit past its days. Run it daily."""
    now, retention = int(services().clock()), services().settings.audit_retention
    give_way = giving_way(rest)
    counts = purge_expired(now, batch=batch, rest=give_way)
    counts["audit_event"] = purge_audit(now - retention * _DAY, batch=batch, rest=give_way)
    if as_json:
        print_json(counts)
    else:
        print_line(", ".join(f"{name}: {count}" for name, count in counts.items()))


def giving_way(
    times: float,
    *,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Callable[[], None]:
    """Make a rest that takes so many times as long as the work before it.

    Args:
        times: how many.
        monotonic: seconds since any moment.
        sleep: waits for so many seconds.
    """
    since = monotonic()

    def rest() -> None:
        nonlocal since
        sleep(times * (monotonic() - since))
        since = monotonic()

    return rest
