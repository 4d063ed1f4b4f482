"""`flask client import`: importing another server's clients, so that no program must change."""

from typing import TextIO

import click
from flask.cli import with_appcontext

from admin.client_import import import_clients
from cli.clients.display import warn_of_undescribed_scopes
from cli.output import CommandRefused, DiscreetCommand, as_json, print_json, print_line, speaks_plainly
from cli.services import operator, services, with_reason


@click.command("import", cls=DiscreetCommand)
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option(
    "--ignore", "ignored", multiple=True, metavar="MEMBER", help="A member to leave out; repeatable."
)
@with_reason
@as_json
@with_appcontext
@speaks_plainly
def import_(file: TextIO, ignored: tuple[str, ...], as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Register the clients of FILE (- for standard input), a JSON list, with their own ids and secrets.

    The server registers all of them, or none. A member that it does not understand makes it refuse the list.
    """
    try:
        text = file.read()
    except UnicodeDecodeError:
        raise CommandRefused("The file is not UTF-8.") from None
    imported = import_clients(services(), text, ignored=ignored, actor=operator())
    warn_of_undescribed_scopes(imported.undescribed_scopes)
    if imported.with_colon:
        ids = ", ".join(imported.with_colon)
        print_line(
            f"Client ids with a colon: {ids}. A program must form-encode such an id in a Basic header "
            "(RFC 6749, 2.3.1), or send id and secret in the form.",
            err=True,
        )
    if as_json:
        print_json({"imported": list(imported.client_ids), "weak": list(imported.weak)})
        return
    print_line(f"Imported {len(imported.client_ids)} clients.")
    if imported.weak:
        weak = ", ".join(imported.weak)
        print_line(f"Weak secrets, to be rotated soon (flask client list has the dates): {weak}", err=True)
