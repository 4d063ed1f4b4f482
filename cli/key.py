"""`flask key …`: the keys that sign tokens."""

import click
from flask.cli import with_appcontext

from admin import signing_keys
from cli.output import DiscreetGroup, as_json, moment, print_json, print_line, print_table, speaks_plainly
from cli.services import operator, services, with_reason
from models import SigningKey
from oauth.tokens.jws import ALGORITHMS


@click.group(cls=DiscreetGroup)
def key() -> None:
    """List and change the keys that sign JWTs and ID tokens."""


@key.command("list")
@as_json
@with_appcontext
@speaks_plainly
def list_keys(as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """List the keys by algorithm, newest first. SERVER KEY is the key of NETID_SECRET_KEY that encrypts."""
    now, keys = services().now, signing_keys.list_signing_keys(services())
    if as_json:
        print_json([{**_as_object(each), "state": _state(each, now)} for each in keys])
        return
    print_table(
        ("KEY", "ALGORITHM", "STATE", "PUBLISHED", "SIGNS FROM", "SIGNS UNTIL", "ENDS", "SERVER KEY"),
        [_as_row(each, now) for each in keys],
    )


@key.command()
@click.option("--alg", type=click.Choice(ALGORITHMS), help="Default: every algorithm that has a key.")
@click.option(
    "--now",
    "at_once",
    is_flag=True,
    help="Sign with it at once and stop publishing all others, for one of them may have been stolen.",
)
@with_reason
@as_json
@with_appcontext
@speaks_plainly
def rotate(alg: str | None, at_once: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Make a new key. It is published at once, and signs when no verifier can have missed it."""
    made = signing_keys.rotate_signing_keys(services(), alg, at_once=at_once, actor=operator())
    if as_json:
        print_json([_as_object(each) for each in made])
        return
    for one in made:
        print_line(f"{one.alg} {one.kid} signs from {moment(one.active_at)}.")


@key.command()
@with_reason
@as_json
@with_appcontext
@speaks_plainly
def reencrypt(as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Encrypt stored keys and secrets under the first key of NETID_SECRET_KEY, so that the others can go."""
    count = signing_keys.reencrypt_all(services(), actor=operator())
    if as_json:
        print_json({"reencrypted": count})
    else:
        print_line(f"Re-encrypted {count} item{'' if count == 1 else 's'}.")


@key.command()
@as_json
@with_appcontext
@speaks_plainly
def ring(as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """List the keys of NETID_SECRET_KEY by fingerprint, and what still needs each."""
    uses = signing_keys.server_key_uses(services())
    if as_json:
        print_json(
            [
                {
                    "server_key": each.key_id,
                    "makes": each.makes_new,
                    "encrypted": each.encrypted,
                    "clients": list(each.client_names),
                }
                for each in uses
            ]
        )
        return
    rows = [
        (each.key_id, "yes" if each.makes_new else "", str(each.encrypted), ", ".join(each.client_names))
        for each in uses
    ]
    print_table(("SERVER KEY", "MAKES", "ENCRYPTED", "CLIENTS WITH SECRETS UNDER IT"), rows)


def _as_object(key: SigningKey) -> dict[str, object]:
    """A key without its private part."""
    return {
        "kid": key.kid,
        "alg": key.alg,
        "server_key": key.key_id,
        "created_at": key.created_at,
        "active_at": key.active_at,
        "retired_at": key.retired_at,
        "ends_at": key.ends_at,
    }


def _as_row(key: SigningKey, now: int) -> tuple[str, ...]:
    times = (key.created_at, key.active_at, key.retired_at, key.ends_at)
    return (key.kid, key.alg, _state(key, now), *map(moment, times), key.key_id)


def _state(key: SigningKey, now: int) -> str:
    if key.signs(now):
        return "signs"
    if not key.is_published(now):
        return "ended"
    return "published" if now < key.active_at else "retired"
