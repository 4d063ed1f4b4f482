"""`flask client import`: taking over clients, so that a campus can move without touching its programs."""

from typing import TextIO

import click
from flask.cli import with_appcontext

from cli.clients.display import say_unknown_scopes
from cli.output import Refused, as_json, print_json, print_line, speaks_plainly
from cli.services import services
from models import ClientsExist, import_clients
from oauth.clients.importing import ImportRefused, read_clients


@click.command("import")
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option(
    "--ignore", "ignored", multiple=True, metavar="MEMBER", help="A member to do without; repeatable."
)
@as_json
@with_appcontext
@speaks_plainly
def import_(file: TextIO, ignored: tuple[str, ...], as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Register the clients of FILE (- for standard input), a JSON list, with their own ids and secrets.

    All of them are registered, or none. A member that is not understood refuses the list.
    """
    stores = services()
    try:
        clients = read_clients(file.read(), ignored)
        import_clients(clients, stores.clients.hasher, int(stores.clock()))
    except UnicodeDecodeError:
        raise Refused("The file is not UTF-8.") from None
    except ImportRefused as refused:
        raise Refused(*refused.sentences, "Nothing was imported.") from None
    except ClientsExist as taken:
        raise Refused(f"Registered already: {taken}. Nothing was imported.") from None
    say_unknown_scopes(*(client.registration.scope for client in clients))
    weak = [client.client_id for client in clients if client.is_weak]
    if as_json:
        print_json({"imported": [client.client_id for client in clients], "weak": weak})
        return
    print_line(f"Imported {len(clients)} clients.")
    if weak:
        print_line(
            f"Weak secrets, to be rotated soon (flask client list has the dates): {', '.join(weak)}", err=True
        )
