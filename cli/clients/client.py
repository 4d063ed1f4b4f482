"""`flask client …`: registering clients, changing them and ending them."""

from typing import Any

import click
from flask.cli import with_appcontext

from admin.clients import (
    clients_at_cap,
    create_client,
    delete_client,
    disable_client,
    find_client,
    update_client,
)
from cli.clients.display import (
    print_client,
    print_clients,
    print_clients_at_cap,
    readable_metadata,
    remind_to_keep_secret,
    warn_of_undescribed_scopes,
)
from cli.clients.importing import import_
from cli.clients.options import metadata_options, registration_changes
from cli.clients.secrets import retire_secret, rotate_secret
from cli.output import DiscreetGroup, as_json, confirm, print_json, print_line, print_record, speaks_plainly
from cli.services import operator, services, with_reason
from oauth.clients.registration import metadata


@click.group(cls=DiscreetGroup)
def client() -> None:
    """Register clients, change them, and manage their secrets."""


client.add_command(import_)
client.add_command(rotate_secret)
client.add_command(retire_secret)


@client.command()
@click.argument("name")
@metadata_options
@with_reason
@as_json
@with_appcontext
@speaks_plainly
def create(name: str, as_json: bool, **options: Any) -> None:  # noqa: FBT001 - click passes by keyword
    """Register a client called NAME. Its secret is shown only this once."""
    created = create_client(services(), name, registration_changes(options), actor=operator())
    if created.name_is_shared:
        print_line(f"Another client is called {name!r} already: commands will want an id.", err=True)
    warn_of_undescribed_scopes(created.undescribed_scopes)
    if as_json:
        secret = {"client_secret": created.secret, "client_secret_expires_at": 0}
        print_json({**metadata(created.client), **secret})
        return
    ids = {"client_id": created.client.client_id, "client_secret": created.secret}
    print_record({**ids, **readable_metadata(created.client)})
    if created.secret is not None:
        remind_to_keep_secret()


@client.command("list")
@click.option("--offenders", is_flag=True, help="Only clients with users at the cap of live grants.")
@as_json
@with_appcontext
@speaks_plainly
def list_clients(offenders: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """List every client."""
    if offenders:
        print_clients_at_cap(clients_at_cap(services()), as_json=as_json)
    else:
        print_clients(services().clients.list(), as_json=as_json)


@client.command()
@click.argument("client_id", metavar="CLIENT")
@as_json
@with_appcontext
@speaks_plainly
def show(client_id: str, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Show the client with this id or name."""
    print_client(find_client(services(), client_id), as_json=as_json)


@client.command()
@click.argument("client_id", metavar="CLIENT")
@click.option("--name", help="A new name.")
@click.option("--enable", is_flag=True, help="Let a disabled client work again.")
@metadata_options
@with_reason
@as_json
@with_appcontext
@speaks_plainly
def update(client_id: str, name: str | None, enable: bool, as_json: bool, **options: Any) -> None:  # noqa: FBT001 - click passes by keyword
    """Change the registration of CLIENT. Only what an option names changes; a list replaces the old one."""
    changes = registration_changes(options)
    if name is not None:
        changes["client_name"] = name
    updated = update_client(services(), client_id, changes, enable=enable, actor=operator())
    warn_of_undescribed_scopes(updated.undescribed_scopes)
    print_client(updated.client, as_json=as_json)


@client.command()
@click.argument("client_id", metavar="CLIENT")
@with_reason
@as_json
@with_appcontext
@speaks_plainly
def disable(client_id: str, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Refuse CLIENT from now on, and end every token that it holds."""
    print_client(disable_client(services(), client_id, actor=operator()), as_json=as_json)


@client.command()
@click.argument("client_id", metavar="CLIENT")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_reason
@as_json
@with_appcontext
@speaks_plainly
def delete(client_id: str, yes: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """End every token that CLIENT holds, and delete the client."""
    stored = find_client(services(), client_id)
    if not yes:
        confirm(f"Delete {stored.client_name} ({stored.client_id})?")
    delete_client(services(), stored.client_id, actor=operator())
    if as_json:
        print_json({"client_id": stored.client_id, "deleted": True})
    else:
        print_line(f"Deleted {stored.client_name} ({stored.client_id}).")
