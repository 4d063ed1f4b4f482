"""`flask client …`: registering clients, changing them and ending them."""

from typing import Any

import click
from flask.cli import with_appcontext

from admin.clients import (
    CreatedClient,
    clients_at_cap,
    count_grants_of_client,
    create_client,
    delete_client,
    disable_client,
    find_client,
    update_client,
    warnings_about,
)
from admin.operation import OperationRefused
from admin.password_grant.policies import set_app_passwords
from cli.clients.display import (
    CLIENT,
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
from cli.output import (
    CommandRefused,
    DiscreetGroup,
    confirm,
    counted,
    json_list_option,
    json_option,
    print_json,
    print_line,
    print_record,
    yes_option,
)
from cli.schema import speaks_plainly
from cli.services import operator, services, with_reason
from models import Client, StoreUnavailable
from oauth.clients.registration import metadata

_EXAMPLE = """\b
Example:
  flask client create "Course planner" --grant authorization_code \\
    --redirect-uri https://planner.example.edu/callback \\
    --scope "openid profile email" --owner planner@example.edu
"""


@click.group(cls=DiscreetGroup)
def client() -> None:
    """Register programs as OAuth clients, and manage them.

    CLIENT is a client's id, or its name if no other client has the same name.
    """


client.add_command(import_)
client.add_command(rotate_secret)
client.add_command(retire_secret)


@client.command(epilog=_EXAMPLE)
@click.argument("name")
@metadata_options
@with_reason
@json_option(f'{CLIENT}, "client_secret": text or null}}')
@with_appcontext
@speaks_plainly
def create(name: str, as_json: bool, **options: Any) -> None:  # noqa: FBT001 - click passes by keyword
    """Register a client called NAME, and print its id and secret.

    The secret is shown only once. A client can do nothing without a grant type (--grant), except introspect
    tokens (--resource-server).
    """
    created = create_client(services(), name, registration_changes(options), actor=operator())
    registered, choice, refused = created.client, options["app_passwords"], None
    try:
        registered = _with_app_passwords(registered, choice)
    except (OperationRefused, StoreUnavailable):
        # The secret is shown first: it cannot be shown again.
        again = f"flask client update {registered.client_id} --app-passwords {choice}"
        refused = CommandRefused(f"The client is registered, but without --app-passwords. Type: {again}")
    _print_created(created, registered, as_json=as_json)
    if refused is not None:
        raise refused


def _print_created(created: CreatedClient, registered: Client, *, as_json: bool) -> None:
    """Print a new client and its secret; `registered` is the client with its policy."""
    if created.name_is_shared:
        name = registered.client_name
        print_line(f"Another client is also called {name!r}: name each of them by its id.", err=True)
    warn_of_undescribed_scopes(created.undescribed_scopes)
    ends_at = services().settings.password_grant_ends
    for sentence in warnings_about(registered, password_grant_ends_at=ends_at):
        print_line(sentence, err=True)
    if as_json:
        secret = {"client_secret": created.secret, "client_secret_expires_at": 0}
        print_json({**metadata(registered), **secret})
        return
    ids = {"client_id": registered.client_id, "client_secret": created.secret}
    print_record({**ids, **readable_metadata(registered)})
    if created.secret is not None:
        remind_to_keep_secret()


@client.command("list")
@click.option("--offenders", is_flag=True, help="Only clients whose users reach the limit of live grants.")
@json_list_option(f"{CLIENT}}}")
@with_appcontext
@speaks_plainly
def list_clients(offenders: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """List all clients.

    With --offenders: the clients that log in again and again instead of keeping their tokens.
    """
    if offenders:
        print_clients_at_cap(clients_at_cap(services()), as_json=as_json)
    else:
        print_clients(services().clients.list(), as_json=as_json)


@client.command()
@click.argument("client_id", metavar="CLIENT")
@json_option(f"{CLIENT}}}")
@with_appcontext
@speaks_plainly
def show(client_id: str, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Show a client's registration, and when its secrets were made and used."""
    print_client(find_client(services(), client_id), as_json=as_json)


@client.command()
@click.argument("client_id", metavar="CLIENT")
@click.option("--name", help="A new name.")
@click.option("--enable", is_flag=True, help="Let a disabled client work again.")
@metadata_options
@with_reason
@json_option(f"{CLIENT}}}")
@with_appcontext
@speaks_plainly
def update(client_id: str, name: str | None, enable: bool, as_json: bool, **options: Any) -> None:  # noqa: FBT001 - click passes by keyword
    """Change the registration of CLIENT. A setting without an option stays as it is.

    A repeatable option replaces the whole list; an empty value, such as --redirect-uri "", clears it.
    """
    changes = registration_changes(options)
    if name is not None:
        changes["client_name"] = name
    updated = update_client(services(), client_id, changes, enable=enable, actor=operator())
    warn_of_undescribed_scopes(updated.undescribed_scopes)
    print_client(_with_app_passwords(updated.client, options["app_passwords"]), as_json=as_json)


@client.command()
@click.argument("client_id", metavar="CLIENT")
@yes_option
@with_reason
@json_option(f"{CLIENT}}}")
@with_appcontext
@speaks_plainly
def disable(client_id: str, yes: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Refuse CLIENT from now on, and end all its tokens.

    The command says how many grants will end, and asks. `flask client update CLIENT --enable` lets the client
    work again; its users must log in again.
    """
    stored = find_client(services(), client_id)
    if not yes:
        confirm(f"Disable {stored.client_name} ({stored.client_id}), and {_what_ends(stored)}?")
    print_client(disable_client(services(), stored.client_id, actor=operator()), as_json=as_json)


@client.command()
@click.argument("client_id", metavar="CLIENT")
@yes_option
@with_reason
@json_option('{"client_id": text, "deleted": true}')
@with_appcontext
@speaks_plainly
def delete(client_id: str, yes: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Delete CLIENT, and end all its tokens.

    The command says how many grants will end, and asks.
    """
    stored = find_client(services(), client_id)
    if not yes:
        confirm(f"Delete {stored.client_name} ({stored.client_id}), and {_what_ends(stored)}?")
    delete_client(services(), stored.client_id, actor=operator())
    if as_json:
        print_json({"client_id": stored.client_id, "deleted": True})
    else:
        print_line(f"Deleted {stored.client_name} ({stored.client_id}).")


def _with_app_passwords(client: Client, choice: str | None) -> Client:
    """A client after its policy has been given the choice of `--app-passwords`, if there is one."""
    return client if choice is None else set_app_passwords(services(), client, choice, actor=operator())


def _what_ends(client: Client) -> str:
    """How many grants end with a client, for the question."""
    return f"end {counted(count_grants_of_client(services(), client), 'live grant')}"
