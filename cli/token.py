"""`flask token …`: ending one token, and deleting what has ended."""

import sys

import click
from flask.cli import with_appcontext

from cli.output import as_json, print_json, speaks_plainly
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
        click.echo("Paste the token and press Enter:", err=True)
    # What is not text cannot be a token, and is no reason to stumble.
    presented = sys.stdin.buffer.readline().decode(errors="replace").strip()
    event = AuditEvent(event="token.revoked", at=int(services().clock()), reason="operator")
    revoked = False
    if key := key_of(ACCESS, presented):
        revoked = services().grants.revoke_access_token(key, event)
    elif key := key_of(REFRESH, presented):
        revoked = services().grants.revoke_refresh_token(key, event)
    else:
        raise click.ClickException("This is not a token of this server.")
    if as_json:
        print_json({"revoked": revoked})
    else:
        click.echo("Revoked." if revoked else "No such token lives: nothing to revoke.")


@token.command()
@click.option(
    "--batch", default=1000, show_default=True, type=click.IntRange(1, 100_000), help="Rows a transaction."
)
@as_json
@with_appcontext
@speaks_plainly
def purge(batch: int, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Delete expired tokens, grants whose last token has ended, and the audit past its days. Run it daily."""
    now, retention = int(services().clock()), services().settings.audit_retention
    counts = purge_expired(now, batch=batch)
    counts["audit_event"] = purge_audit(now - retention * _DAY, batch=batch)
    if as_json:
        print_json(counts)
    else:
        click.echo(", ".join(f"{name}: {count}" for name, count in counts.items()))
