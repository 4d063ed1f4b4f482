"""`flask token …`: ending one token, and deleting expired ones."""

import sys

import click
from flask.cli import with_appcontext

from admin.tokens import Purging, purge_expired, revoke_token
from cli.output import DiscreetGroup, json_option, print_json, print_line, progress
from cli.schema import speaks_plainly
from cli.services import operator, services, with_reason
from models import StoreUnavailable

_STOPPED = "the next call goes on from there."
# A shell's exit status for a process that SIGINT ended.
_INTERRUPTED = 130


@click.group(cls=DiscreetGroup)
def token() -> None:
    """End one token, or delete expired tokens from the database."""


@token.command()
@with_reason
@json_option('{"revoked": true}')
@with_appcontext
@speaks_plainly
def revoke(as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """End the token that standard input holds.

    An access token ends alone. A refresh token ends with its whole grant, and so with every other token of
    that login. The command fails if the token is not live.
    """
    if sys.stdin.isatty():
        print_line("Paste the token and press Enter:", err=True)
    # Bytes that are no text cannot be a token; they must not end the command with an error of Python.
    presented = sys.stdin.buffer.readline().decode(errors="replace").strip()
    revoke_token(services(), presented, actor=operator())
    if as_json:
        print_json({"revoked": True})
    else:
        print_line("Revoked.")


@token.command()
@click.option(
    "--batch",
    default=200,
    show_default=True,
    type=click.IntRange(1, 100_000),
    help="Rows to delete in one transaction.",
)
@click.option(
    "--rest",
    default=3.0,
    show_default=True,
    type=click.FloatRange(0, 100),
    help="After each batch, pause this many times as long as the batch took, if other connections write.",
)
@json_option('{"access_token": number, "audit_event": number, ...}: the deleted rows by table')
@with_appcontext
@speaks_plainly
def purge(batch: int, rest: float, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Delete expired tokens and grants, and audit rows that are past their retention.

    Run it daily, for example by cron. It may be interrupted: the next run continues.
    """
    with progress() as report:
        purging = Purging(rest, report)
        try:
            purge_expired(services(), purging, batch=batch)
        except (KeyboardInterrupt, StoreUnavailable) as error:
            database_failed = isinstance(error, StoreUnavailable)
            # Whole batches were deleted, and nothing of the batch that was under way.
            if purging.counts or not database_failed:
                print_line(f"Stopped after {sum(purging.counts.values())} rows: {_STOPPED}", err=True)
            if database_failed:
                raise
            sys.exit(_INTERRUPTED)
    if as_json:
        print_json(purging.counts)
    else:
        print_line(", ".join(f"{name}: {count}" for name, count in purging.counts.items()))
