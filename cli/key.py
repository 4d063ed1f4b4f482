"""`flask key …`: the keys that sign tokens."""

import click
from flask.cli import with_appcontext

from cli.output import as_json, moment, print_json, print_line, print_table, speaks_plainly
from cli.services import services
from models import SigningKey, kept_secret_key_ids
from oauth.tokens.jws import ALGORITHMS, RS256
from telemetry import AuditEvent


@click.group()
def key() -> None:
    """See and change the keys that sign JWTs and ID tokens."""


@key.command("list")
@as_json
@with_appcontext
@speaks_plainly
def list_keys(as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """List the keys by algorithm, newest first. SERVER KEY is the one of NETID_SECRET_KEY that seals it."""
    now, found = _now(), services().keys.store.list()
    if as_json:
        print_json([{**_as_object(each), "state": _state(each, now)} for each in found])
        return
    print_table(
        ("KEY", "ALGORITHM", "STATE", "PUBLISHED", "SIGNS FROM", "SIGNS UNTIL", "ENDS", "SERVER KEY"),
        [_as_row(each, now) for each in found],
    )


@key.command()
@click.option("--alg", type=click.Choice(ALGORITHMS), help="Default: each that is in use.")
@click.option(
    "--now",
    "at_once",
    is_flag=True,
    help="Sign with it at once, and stop publishing all others: one of them may have been stolen.",
)
@as_json
@with_appcontext
@speaks_plainly
def rotate(alg: str | None, at_once: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Make a new key. It is published at once, and signs when nobody can have missed it."""
    keys = services().keys
    made = []
    for each in [alg] if alg else sorted({one.alg for one in keys.store.list()}) or [RS256]:
        event = AuditEvent(
            event="key.rotated", at=_now(), reason=f"operator: {each}{', at once' if at_once else ''}"
        )
        made.append((keys.replace if at_once else keys.rotate)(each, event))
    if as_json:
        print_json([_as_object(each) for each in made])
        return
    for one in made:
        print_line(f"{one.alg} {one.kid} signs from {moment(one.active_at)}.")


@key.command()
@as_json
@with_appcontext
@speaks_plainly
def reencrypt(as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Encrypt all that is kept so under the first key of NETID_SECRET_KEY, so that the others can go."""
    count = services().keys.store.reseal() + services().kept.reseal()
    if as_json:
        print_json({"reencrypted": count})
    else:
        print_line(f"{count} encrypted anew.")


@key.command()
@as_json
@with_appcontext
@speaks_plainly
def ring(as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """List the keys of NETID_SECRET_KEY by fingerprint, and what still needs each."""
    now, clients = _now(), services().clients
    signing = [each.key_id for each in services().keys.store.list() if each.is_published(now)]
    kept = list(kept_secret_key_ids())
    secrets = [
        (secret.key_id, client.client_name)
        for client in clients.list()
        for secret in client.secrets
        if secret.is_live(now)
    ]
    found = [
        (
            key_id,
            position == 0,
            (signing + kept).count(key_id),
            sorted({name for used, name in secrets if used == key_id}),
        )
        for position, (key_id, _) in enumerate(clients.hasher.keys)
    ]
    if as_json:
        names = ("server_key", "makes", "encrypted", "clients")
        print_json([dict(zip(names, each, strict=True)) for each in found])
        return
    print_table(
        ("SERVER KEY", "MAKES", "ENCRYPTED", "CLIENTS WITH SECRETS UNDER IT"),
        [(key_id, "yes" if makes else "", str(sealed), ", ".join(of)) for key_id, makes, sealed, of in found],
    )


def _as_object(key: SigningKey) -> dict[str, object]:
    """A key as it may be shown: without its private part."""
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


def _now() -> int:
    return int(services().clock())
