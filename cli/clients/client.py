"""`flask client …`: registering clients, changing them and ending them."""

from dataclasses import replace
from typing import Any

import click
from flask.cli import with_appcontext

from cli.clients.display import find, for_people, say, say_keep_secret, say_unknown_scopes, state
from cli.clients.importing import import_
from cli.clients.offenders import say_offenders
from cli.clients.options import apply, metadata_options, refuse_mistakes
from cli.clients.secrets import retire_secret, rotate_secret
from cli.output import (
    Refused,
    as_json,
    confirm,
    print_json,
    print_line,
    print_record,
    print_table,
    speaks_plainly,
)
from cli.services import services
from models import Registration
from oauth.clients.registration import metadata


@click.group()
def client() -> None:
    """Register clients and look after their secrets."""


client.add_command(import_)
client.add_command(rotate_secret)
client.add_command(retire_secret)


@client.command()
@click.argument("name")
@metadata_options
@as_json
@with_appcontext
@speaks_plainly
def create(name: str, as_json: bool, **options: Any) -> None:  # noqa: FBT001 - click passes by keyword
    """Register a client called NAME. Its secret is shown this once."""
    registration = apply(Registration(client_name=name), options)
    refuse_mistakes(registration)
    if any(each.client_name == name for each in services().clients.list()):
        print_line(f"Another client is called {name!r} already: commands will want an id.", err=True)
    say_unknown_scopes(registration.scope)
    created, secret = services().clients.create(registration)
    if as_json:
        print_json({**metadata(created), "client_secret": secret, "client_secret_expires_at": 0})
        return
    print_record({"client_id": created.client_id, "client_secret": secret, **for_people(created)})
    if secret is not None:
        say_keep_secret()


@client.command("list")
@click.option("--offenders", is_flag=True, help="Only those with people at the cap of live grants.")
@as_json
@with_appcontext
@speaks_plainly
def list_clients(offenders: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """List every client."""
    clients = services().clients.list()
    if offenders:
        say_offenders(clients, as_json=as_json)
        return
    if as_json:
        print_json([metadata(each) for each in clients])
        return
    rows = [
        (
            each.client_id,
            each.client_name,
            " ".join(each.grant_types),
            each.scope,
            each.owner or "",
            state(each),
        )
        for each in clients
    ]
    print_table(("CLIENT ID", "NAME", "GRANTS", "SCOPE", "OWNER", "STATE"), rows)


@client.command()
@click.argument("client_id", metavar="CLIENT")
@as_json
@with_appcontext
@speaks_plainly
def show(client_id: str, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Show one client, by its id or its name."""
    say(find(client_id), as_json=as_json)


@client.command()
@click.argument("client_id", metavar="CLIENT")
@click.option("--name", help="A new name.")
@click.option("--enable", is_flag=True, help="Let a disabled client work again.")
@metadata_options
@as_json
@with_appcontext
@speaks_plainly
def update(client_id: str, name: str | None, enable: bool, as_json: bool, **options: Any) -> None:  # noqa: FBT001 - click passes by keyword
    """Change what is registered of CLIENT. What is not named stays; a list that is named is replaced."""
    before = find(client_id)
    after = apply(replace(before, client_name=before.client_name if name is None else name), options)
    refuse_mistakes(after)
    if after.is_public != before.is_public:
        raise Refused("A public client cannot become confidential, nor the other way: create a new one.")
    changes = {
        field: _plain(getattr(after, field))
        for field in Registration.__dataclass_fields__
        if getattr(after, field) != getattr(before, field)
    }
    if "scope" in changes:
        say_unknown_scopes(after.scope)
    if enable:
        changes["disabled_at"] = None
    say(services().clients.update(before.client_id, changes) if changes else before, as_json=as_json)


@client.command()
@click.argument("client_id", metavar="CLIENT")
@as_json
@with_appcontext
@speaks_plainly
def disable(client_id: str, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Refuse CLIENT from now on, and end every token it holds."""
    say(services().clients.disable(find(client_id).client_id), as_json=as_json)


@client.command()
@click.argument("client_id", metavar="CLIENT")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@with_appcontext
@speaks_plainly
def delete(client_id: str, yes: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """End every token that CLIENT holds, and forget it."""
    found = find(client_id)
    if not yes:
        confirm(f"Delete {found.client_name} ({found.client_id})?")
    services().clients.delete(found.client_id)
    if as_json:
        print_json({"client_id": found.client_id, "deleted": True})
    else:
        print_line(f"Deleted {found.client_name} ({found.client_id}).")


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
