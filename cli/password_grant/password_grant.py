"""`flask password-grant …`: announcing, trying out and setting the end of the password grant."""

from typing import Any

import click
from flask.cli import with_appcontext

from admin.password_grant.policies import list_statuses, set_policy, undo_last_batch, undo_policy
from admin.password_grant.policy_change import PolicyChange
from admin.password_grant.unused import close_unused, unused_clients
from cli.output import DiscreetGroup, Misused, json_list_option
from cli.password_grant.display import STATUS, STEP, UNUSED, print_statuses, print_steps, print_unused
from cli.password_grant.report import report
from cli.schema import speaks_plainly
from cli.services import operator, services, with_reason
from models import APP_PASSWORD_CHOICES

_EXAMPLE = """\b
Example:
  flask password-grant set "Grades app" --ends 2027-06-30 \\
    --brown-out 2027-02-01T09:00/2h --brown-out 2027-03-01T09:00/4h \\
    --reason "agreed with its owner"
"""


@click.group(cls=DiscreetGroup)
def password_grant() -> None:
    """End the password grant, client by client, without surprising anybody.

    A client's policy says when Net ID passwords end, and when they are refused for some hours to try that
    out. Each change is a step that can be undone. No step ends a token. CLIENT is a client's id, or its name
    if no other client has the same name.
    """


password_grant.add_command(report)


@password_grant.command("set", epilog=_EXAMPLE)
@click.argument("clients", metavar="CLIENT...", nargs=-1)
@click.option("--all", "everywhere", is_flag=True, help="Every client that has the password grant.")
@click.option(
    "--ends",
    metavar="DATE",
    help="When Net ID passwords end: a date or a time in UTC, such as 2027-06-30 (from its first second).",
)
@click.option(
    "--brown-out",
    "brown_outs",
    multiple=True,
    metavar="START/DURATION",
    help="Refuse Net ID passwords for a while, such as 2027-02-01T09:00/2h, in UTC; repeatable.",
)
@click.option(
    "--closed-to-new-people/--open-to-new-people",
    default=None,
    help="Whether to refuse users who have never used the client.",
)
@click.option(
    "--app-passwords",
    type=click.Choice(APP_PASSWORD_CHOICES),
    help="Whether the client accepts app passwords: not at all, beside Net ID passwords, or nothing else.",
)
@click.option("--off/--on", default=None, help="Whether to refuse every password from now on, of both kinds.")
@with_reason
@json_list_option(STEP)
@with_appcontext
@speaks_plainly
def set_(clients: tuple[str, ...], everywhere: bool, as_json: bool, **change: Any) -> None:  # noqa: FBT001 - click passes by keyword
    """Change the policy of each CLIENT by one step. A setting without an option stays as it is.

    New brown-outs are added to those that are still to come. With --all, a client whose end comes first gets
    none. An empty value, such as --ends "" or --brown-out "", removes what was set.
    """
    _require_clients(clients, everywhere=everywhere)
    steps = set_policy(services(), clients, PolicyChange(**change), everywhere=everywhere, actor=operator())
    print_steps(steps, now=services().now, as_json=as_json)


@password_grant.command()
@click.argument("client", metavar="[CLIENT]", required=False)
@click.option(
    "--all", "everywhere", is_flag=True, help="The last command that set policies, for all its clients."
)
@with_reason
@json_list_option(STEP)
@with_appcontext
@speaks_plainly
def undo(client: str | None, everywhere: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Undo the last step of CLIENT: the policy before it applies again.

    With --all: undo the last set or close-unused, for every client that it changed. A client with a later
    step of its own keeps its policy.
    """
    _require_clients(() if client is None else (client,), everywhere=everywhere)
    if client is None:
        steps = undo_last_batch(services(), actor=operator())
    else:
        steps = [undo_policy(services(), client, actor=operator())]
    print_steps(steps, now=services().now, as_json=as_json)


@password_grant.command()
@click.argument("client", metavar="[CLIENT]", required=False)
@json_list_option(STATUS)
@with_appcontext
@speaks_plainly
def status(client: str | None, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Show what the policy of CLIENT, or of each client with the password grant, means now."""
    print_statuses(list_statuses(services(), client), as_json=as_json)


@password_grant.command("close-unused")
@click.option(
    "--days",
    default=90,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="Days without a login or a refresh after which a client is unused.",
)
@click.option("--dry-run", is_flag=True, help="Only list the clients that would be closed.")
@with_reason
@json_list_option(UNUSED, beside='"closed": true or false, ')
@with_appcontext
@speaks_plainly
def close_unused_(days: int, dry_run: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Turn the password grant off for clients that do not use it.

    A client that was registered within these days is left alone. `flask password-grant undo --all` opens them
    again.
    """
    unused = unused_clients(services(), days)
    if not dry_run:
        close_unused(services(), unused, actor=operator())
    print_unused(unused, closed=not dry_run, as_json=as_json)


def _require_clients(clients: tuple[str, ...], *, everywhere: bool) -> None:
    """Refuse a command that names no client, or both single ones and all.

    Raises:
        Misused: it does.
    """
    if bool(clients) == everywhere:
        raise Misused("Name a client, or give --all.")
