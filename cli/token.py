"""`flask token …`: ending one token, and deleting expired ones."""

import sys

import click
from flask.cli import with_appcontext

from admin.tokens import Purging, purge_expired, revoke_token
from cli.output import DiscreetGroup, as_json, print_json, print_line, progress, speaks_plainly
from cli.services import operator, services, with_reason
from models import StoreUnavailable

_STOPPED = "the next call goes on from there."
# A shell's exit status for a process that SIGINT ended.
_INTERRUPTED = 130


@click.group(cls=DiscreetGroup)
def token() -> None:
    """End tokens, and delete expired ones."""


@token.command()
@with_reason
@as_json
@with_appcontext
@speaks_plainly
def revoke(as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """End the token on standard input: an access token alone, a refresh token with its whole grant."""
    if sys.stdin.isatty():
        print_line("Paste the token and press Enter:", err=True)
    # Bytes that are no text cannot be a token; they must not end the command with an error of Python.
    presented = sys.stdin.buffer.readline().decode(errors="replace").strip()
    revoked = revoke_token(services(), presented, actor=operator())
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
    help="How many times as long as its work each batch rests, while other connections write.",
)
@as_json
@with_appcontext
@speaks_plainly
def purge(batch: int, rest: float, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Delete expired tokens and grants, and audit rows past their retention. Run it daily."""
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
