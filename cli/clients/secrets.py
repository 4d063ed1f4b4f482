"""`flask client rotate-secret` and `retire-secret`. Old and new secrets overlap, so that no program stops."""

import re
from datetime import UTC, datetime

import click
from flask.cli import with_appcontext

from admin import clients
from cli.clients.display import CLIENT, print_client, remind_to_keep_secret
from cli.output import (
    CommandRefused,
    DiscreetCommand,
    json_option,
    moment,
    print_json,
    print_record,
)
from cli.schema import speaks_plainly
from cli.services import operator, services, with_reason
from oauth.clients.registration import metadata

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@click.command("rotate-secret", cls=DiscreetCommand)
@click.argument("client_id", metavar="CLIENT")
@click.option(
    "--expires",
    default="7d",
    show_default=True,
    help="When the old secrets end: 30m, 12h, 7d, a date such as 2030-01-31 (UTC), or now.",
)
@with_reason
@json_option(f'{CLIENT}, "client_secret": text}}')
@with_appcontext
@speaks_plainly
def rotate_secret(client_id: str, expires: str, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Give CLIENT a new secret. It is shown only once, now.

    The old secrets work until --expires, so that the program can be changed meanwhile.
    """
    client = clients.find_client(services(), client_id)
    ends = _end(expires, services().now)
    rotated = clients.rotate_secret(services(), client.client_id, old_not_after=ends, actor=operator())
    if as_json:
        secret = {"client_secret": rotated.secret, "client_secret_expires_at": 0}
        print_json({**metadata(rotated.client), **secret})
        return
    ids = {"client_id": client.client_id, "client_secret": rotated.secret}
    print_record({**ids, "old secrets end": moment(ends)})
    remind_to_keep_secret()


@click.command("retire-secret", cls=DiscreetCommand)
@click.argument("client_id", metavar="CLIENT")
@click.argument("serial", type=int)
@with_reason
@json_option(f"{CLIENT}}}")
@with_appcontext
@speaks_plainly
def retire_secret(client_id: str, serial: int, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """End secret number SERIAL of CLIENT now.

    `flask client show` lists the secrets with their numbers.
    """
    print_client(clients.retire_secret(services(), client_id, serial, actor=operator()), as_json=as_json)


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
        raise CommandRefused(f"{expires!r} is neither a time like 7d nor a date like 2030-01-31.") from None
    if at.timestamp() < now:
        raise CommandRefused(f"{expires!r} has passed; to end the old secrets at once, say now.")
    return int(at.timestamp())
