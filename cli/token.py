"""`flask token …`: ending one token, and deleting what has ended."""

import sys
import time
from collections.abc import Callable

import click
from flask.cli import with_appcontext

from cli.output import Refused, as_json, print_json, print_line, progress, speaks_plainly
from cli.services import services
from models import Batch, StoreUnavailable, purge_audit
from models import purge as purge_expired
from oauth import ACCESS, REFRESH, key_of
from telemetry import AuditEvent

_DAY = 86_400
_STOPPED = "the next call goes on from there."
# As a shell has it of a process that SIGINT ended.
_INTERRUPTED = 130


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
    help="After each batch, rest for so many times as long as its work took, if others write meanwhile.",
)
@as_json
@with_appcontext
@speaks_plainly
def purge(batch: int, rest: float, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Delete expired tokens, grants whose last token has ended, and the audit past its days. Run it daily."""
    now, retention = int(services().clock()), services().settings.audit_retention
    with progress() as show:
        purging = Purging(rest, show)
        try:
            purge_expired(now, batch=batch, after=purging)
            purge_audit(now - retention * _DAY, batch=batch, after=purging)
        except (KeyboardInterrupt, StoreUnavailable) as error:
            is_trouble = isinstance(error, StoreUnavailable)
            # Whole batches went, and nothing of the one that was under way.
            if purging.counts or not is_trouble:
                print_line(f"Stopped after {sum(purging.counts.values())} rows: {_STOPPED}", err=True)
            if is_trouble:
                raise
            sys.exit(_INTERRUPTED)
    purging.counts.setdefault("audit_event", 0)
    if as_json:
        print_json(purging.counts)
    else:
        print_line(", ".join(f"{name}: {count}" for name, count in purging.counts.items()))


class Purging:
    """What happens after each batch of a purge: it is counted and shown, and others have their turn."""

    def __init__(
        self, times: float, show: Callable[[str], None], *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Begin.

        Args:
            times: how many times as long as its own work each batch rests.
            show: is told how far it is, in a line.
            sleep: waits for so many seconds.
        """
        self.counts: dict[str, int] = {}
        self._times, self._show, self._sleep = times, show, sleep

    def __call__(self, batch: Batch) -> None:
        """Count a batch, and rest, unless nobody else writes."""
        self.counts[batch.table] = self.counts.get(batch.table, 0) + batch.rows
        self._show(f"{batch.table}: {self.counts[batch.table]:,} rows, {sum(self.counts.values()):,} in all")
        if not batch.is_alone:
            self._sleep(self._times * batch.seconds)
