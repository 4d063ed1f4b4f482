"""`flask client import`: importing another server's clients, so that no program must change."""

from typing import TextIO

import click
from flask.cli import with_appcontext

from admin.client_import import import_clients
from cli.clients.display import warn_of_undescribed_scopes
from cli.output import (
    CommandRefused,
    DiscreetCommand,
    counted,
    json_list_option,
    listed,
    print_items,
    print_line,
    progress_bar,
)
from cli.schema import speaks_plainly
from cli.services import operator, services, with_reason


@click.command("import", cls=DiscreetCommand)
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option(
    "--ignore",
    "ignored",
    multiple=True,
    metavar="MEMBER",
    help="Leave out a member of the objects that this server does not understand; repeatable.",
)
@click.option("--dry-run", is_flag=True, help="Only check the file: register nothing.")
@with_reason
@json_list_option('{"client_id": text, "weak": true or false}', beside='"dry_run": true or false, ')
@with_appcontext
@speaks_plainly
def import_(file: TextIO, ignored: tuple[str, ...], dry_run: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Register the clients of another server with their own ids and secrets, so that no program must change.

    FILE is a JSON list (- for standard input). Each object has a client_id, a client_secret (or its SHA-256
    as client_secret_hash) and the metadata of RFC 7591, such as client_name, grant_types and scope. The
    output of `flask client list --json` is accepted too, after you add to each client its secret, which the
    list does not hold.

    The command registers all clients or none. It refuses the list if it does not understand a member, because
    the member may limit a client. --ignore leaves such a member out.
    """
    try:
        text = file.read()
    except UnicodeDecodeError:
        raise CommandRefused("The file is not UTF-8.") from None
    with progress_bar("Importing clients") as progress:
        imported = import_clients(
            services(), text, ignored=ignored, dry_run=dry_run, actor=operator(), progress=progress
        )
    warn_of_undescribed_scopes(imported.undescribed_scopes)
    if imported.with_colon:
        print_line(
            f"Client ids with a colon: {listed(imported.with_colon)}. A program must form-encode such an id "
            "in a Basic header (RFC 6749, 2.3.1), or send id and secret in the form.",
            err=True,
        )
    weak = set(imported.weak)
    if as_json:
        print_items(
            ({"client_id": each, "weak": each in weak} for each in imported.client_ids), dry_run=dry_run
        )
        return
    count = counted(len(imported.client_ids), "client")
    print_line(f"The file is good: {count}. Nothing was imported." if dry_run else f"Imported {count}.")
    if weak:
        print_line(
            f"Weak secrets, to be rotated soon (`flask client list` shows when): {listed(imported.weak)}",
            err=True,
        )
