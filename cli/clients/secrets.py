"""`flask client rotate-secret` and `retire-secret`: secrets overlap, so that no program stops on the way."""

import re
from datetime import UTC, datetime

import click
from flask.cli import with_appcontext

from cli.clients.display import find, say, say_keep_secret
from cli.output import Refused, as_json, moment, print_json, print_record, speaks_plainly
from cli.services import services
from oauth.clients.registration import metadata

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@click.command("rotate-secret")
@click.argument("client_id", metavar="CLIENT")
@click.option(
    "--expires",
    default="7d",
    show_default=True,
    help="When the old secrets end: 30m, 12h, 7d, a date such as 2030-01-31 (UTC), or now.",
)
@as_json
@with_appcontext
@speaks_plainly
def rotate_secret(client_id: str, expires: str, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Give CLIENT a new secret, shown this once; the old one lives on until --expires."""
    found = find(client_id)
    ends = _end(expires, int(services().clock()))
    try:
        secret = services().clients.rotate_secret(found.client_id, old_not_after=ends)
    except ValueError:
        raise Refused(f"{found.client_id} is a public client: it has no secret.") from None
    if as_json:
        print_json(
            {**metadata(find(found.client_id)), "client_secret": secret, "client_secret_expires_at": 0}
        )
        return
    print_record({"client_id": found.client_id, "client_secret": secret, "old secrets end": moment(ends)})
    say_keep_secret()


@click.command("retire-secret")
@click.argument("client_id", metavar="CLIENT")
@click.argument("serial", type=int)
@as_json
@with_appcontext
@speaks_plainly
def retire_secret(client_id: str, serial: int, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """End secret number SERIAL of CLIENT now (`flask client show` numbers them)."""
    found = find(client_id)
    try:
        services().clients.retire_secret(found.client_id, serial)
    except KeyError:
        raise Refused(f"{found.client_id} has no secret number {serial}.") from None
    say(find(found.client_id), as_json=as_json)


def _end(expires: str, now: int) -> int:
    """When the old secrets end, in seconds since the epoch."""
    if expires == "now":
        return now
    if match := re.fullmatch(r"(\d{1,6})([smhd])", expires):
        return now + int(match[1]) * _UNITS[match[2]]
    try:
        at = datetime.fromisoformat(expires)
        at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise Refused(f"{expires!r} is neither a time like 7d nor a date like 2030-01-31.") from None
    if at.timestamp() < now:
        raise Refused(f"{expires!r} has passed; to end the old secrets at once, say now.")
    return int(at.timestamp())
