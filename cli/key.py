"""`flask key …`: the keys that sign tokens."""

from collections.abc import Sequence

import click
from flask.cli import with_appcontext

from admin import signing_keys
from cli.output import (
    MAX_LISTED_NAMES,
    DiscreetGroup,
    confirm,
    counted,
    json_list_option,
    json_option,
    listed,
    moment,
    print_items,
    print_json,
    print_line,
    print_table,
    yes_option,
)
from cli.schema import speaks_plainly
from cli.services import operator, services, with_reason
from models import SigningKey
from oauth.tokens.jws import ALGORITHMS

_KEY = (
    '{"kid": text, "alg": text, "server_key": text, "created_at": time, "active_at": time, '
    '"retired_at": time or null, "ends_at": time or null'
)


@click.group(cls=DiscreetGroup)
def key() -> None:
    """List and replace the keys of this server.

    Signing keys sign JWTs and ID tokens. Server keys, from NETID_SECRET_KEY, encrypt the signing keys and
    make the digests of client secrets.
    """


@key.command("list")
@json_list_option(f'{_KEY}, "state": "published", "signs", "retired" or "ended"}}')
@with_appcontext
@speaks_plainly
def list_keys(as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """List the signing keys by algorithm, newest first.

    SERVER KEY is the fingerprint of the key of NETID_SECRET_KEY that encrypts the signing key.
    """
    now, keys = services().now, signing_keys.list_signing_keys(services())
    if as_json:
        print_items({**_as_object(each), "state": _state(each, now)} for each in keys)
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
    help="Sign with the new key at once, and stop publishing all others: one may have been stolen.",
)
@yes_option
@with_reason
@json_list_option(f"{_KEY}}}")
@with_appcontext
@speaks_plainly
def rotate(alg: str | None, at_once: bool, yes: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Make a new signing key.

    It is published at once, and signs as soon as every verifier must have fetched it. The old key stays
    published until its last token has expired. With --now, every JWT and ID token that an older key signed
    stops verifying, so the command asks first.
    """
    if at_once and not yes:
        confirm(_what_ends(signing_keys.published_keys(services(), alg)))
    made = signing_keys.rotate_signing_keys(services(), alg, at_once=at_once, actor=operator())
    if as_json:
        print_items(_as_object(each) for each in made)
        return
    for one in made:
        print_line(f"{one.alg} {one.kid} signs from {moment(one.active_at)}.")


def _what_ends(keys: Sequence[SigningKey]) -> str:
    if not keys:
        return "No key is published, so no token stops verifying. Make a key that signs at once?"
    names = ", ".join(f"{each.alg} {each.kid}" for each in keys)
    return (
        f"Stop publishing {counted(len(keys), 'key')} ({names})? "
        "Every JWT and ID token that they signed stops verifying."
    )


@key.command()
@with_reason
@json_option('{"reencrypted": number}')
@with_appcontext
@speaks_plainly
def reencrypt(as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Encrypt stored keys under the first key of NETID_SECRET_KEY.

    `flask key ring` shows when no older key of NETID_SECRET_KEY is needed any more.
    """
    count = signing_keys.reencrypt_all(services(), actor=operator())
    if as_json:
        print_json({"reencrypted": count})
    else:
        print_line(f"Re-encrypted {counted(count, 'item')}.")


@key.command()
@click.option(
    "--all", "every_name", is_flag=True, help=f"Name every client, instead of the first {MAX_LISTED_NAMES}."
)
@json_list_option('{"server_key": text, "makes": true or false, "encrypted": number, "clients": [name, ...]}')
@with_appcontext
@speaks_plainly
def ring(every_name: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """List the keys of NETID_SECRET_KEY by fingerprint, and what still needs each.

    MAKES marks the first key: new secrets are made under it. An older key that encrypts nothing and has no
    clients can be removed from NETID_SECRET_KEY.
    """
    uses = signing_keys.server_key_uses(services())
    if as_json:
        print_items(
            {
                "server_key": each.key_id,
                "makes": each.makes_new,
                "encrypted": each.encrypted,
                "clients": list(each.client_names),
            }
            for each in uses
        )
        return
    rows = [
        (
            each.key_id,
            "yes" if each.makes_new else "",
            str(each.encrypted),
            f"{len(each.client_names):,}",
            listed(each.client_names, limit=None if every_name else MAX_LISTED_NAMES),
        )
        for each in uses
    ]
    print_table(("SERVER KEY", "MAKES", "ENCRYPTED", "CLIENTS", "CLIENTS WITH SECRETS UNDER IT"), rows)


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
