"""`flask app-password …`: making, listing and ending app passwords, and notices to their owners."""

from functools import partial
from typing import Any

import click
from flask.cli import with_appcontext

from admin.app_passwords.ending import (
    MAX_PLANNED,
    end_app_passwords,
    list_app_passwords,
    plan_app_password_end,
    require_app_password_selection,
)
from admin.app_passwords.making import create_app_password
from admin.app_passwords.notices import due_notices, mark_notice
from admin.people import look_up_person
from cli.app_passwords.display import (
    NOTICE_SHAPE,
    SHAPE,
    app_password_as_object,
    app_password_facts,
    notice_as_object,
    print_app_passwords,
    print_notice,
)
from cli.output import (
    DiscreetGroup,
    confirm,
    counted,
    json_list_option,
    json_option,
    print_items,
    print_json,
    print_line,
    print_record,
    yes_option,
)
from cli.people.display import warn_if_incomplete
from cli.schema import speaks_plainly
from cli.services import operator, services, with_reason
from oauth.policy.app_password_rules import AppPasswordWish

_person = click.option("--person", metavar="PERSON", help="Only those of this user: a Net ID or a sub.")
_client = click.option(
    "--client", "client_name", metavar="CLIENT", help="Only those for this client: its id or name."
)


@click.group("app-password", cls=DiscreetGroup)
def app_password() -> None:
    """Make, list and end app passwords of users.

    An app password stands for a user's password in one client's password grant. It has an end, and no token
    that it gives lives longer. Users make their own at /me.
    """


@app_password.command()
@click.argument("client_name", metavar="CLIENT")
@click.argument("net_id")
@click.option("--label", required=True, metavar="TEXT", help="What the user knows it by.")
@click.option(
    "--days",
    required=True,
    type=click.IntRange(min=1),
    help="Days until it ends; NETID_APP_PASSWORD_MAX_DAYS is the most.",
)
@click.option("--scope", metavar="SCOPES", help="Its scopes (default: all that client and user may have).")
@click.option(
    "--network", "networks", multiple=True, metavar="NETWORK", help="Where it works; may be repeated."
)
@with_reason
@json_option(f'{SHAPE}, "app_password": text}}')
@with_appcontext
@speaks_plainly
def create(
    client_name: str,
    net_id: str,
    as_json: bool,  # noqa: FBT001 - click passes by keyword
    **wanted: Any,
) -> None:
    """Make an app password for the user NET_ID at CLIENT, and print it.

    It is shown only once. The rules of server, client and scopes apply, as at /me.
    """
    created = create_app_password(
        services(), client_name, net_id, AppPasswordWish(**wanted), actor=operator()
    )
    name = created.client.client_name
    if as_json:
        value = {"app_password": created.value}
        print_json({**app_password_as_object(created.stored, name), **value})
        return
    print_record({"app_password": created.value, **app_password_facts(created.stored, name)})
    print_line("Give it to the user now: it is stored nowhere, and is not shown again.", err=True)


@app_password.command("list")
@_client
@_person
@click.option(
    "--limit", default=100, show_default=True, type=click.IntRange(1, 100_000), help="App passwords to list."
)
@json_list_option(f"{SHAPE}}}")
@with_appcontext
@speaks_plainly
def list_live(client_name: str | None, person: str | None, limit: int, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """List live app passwords, newest first."""
    lookup = None if person is None else warn_if_incomplete(look_up_person(services(), person))
    listed = list_app_passwords(services(), lookup, client_name, limit=limit)
    if as_json:
        names = listed.client_names
        print_items(
            (app_password_as_object(each, names.get(each.client_id)) for each in listed.app_passwords),
            more=listed.more,
        )
        return
    print_app_passwords(listed.app_passwords, listed.client_names)
    if listed.more:
        print_line(f"There are more than {limit}: --limit shows more of them.", err=True)


@app_password.command()
@click.argument("app_password_id", metavar="[ID]", required=False)
@_person
@_client
@click.option("--everyone", is_flag=True, help="Every app password, as after a backup was restored.")
@yes_option
@with_reason
@json_option('{"ended": number}')
@with_appcontext
@speaks_plainly
def revoke(
    person: str | None,
    everyone: bool,  # noqa: FBT001 - click passes by keyword
    yes: bool,  # noqa: FBT001 - click passes by keyword
    as_json: bool,  # noqa: FBT001 - click passes by keyword
    **named: str | None,
) -> None:
    """End one app password by its ID, or those that match every given option.

    Every token that they gave ends with them. The command says how many will end, and asks. It fails if none
    matches; with --everyone there may be none.
    """
    one, client_name = named["app_password_id"], named["client_name"]
    require_app_password_selection(one, person, client_name, everyone=everyone)
    lookup = None if person is None else warn_if_incomplete(look_up_person(services(), person))
    selected = partial(plan_app_password_end, services(), person=lookup, client_name=client_name)
    plan = partial(selected, app_password_id=one, everyone=everyone)
    planned = plan()
    if not yes:
        at_least = "at least " if len(planned) == MAX_PLANNED else ""
        confirm(f"End {at_least}{counted(len(planned), 'app password')} with every token of theirs?")
    ended = end_app_passwords(services(), planned, actor=operator(), plan_rest=partial(plan, is_rest=True))
    if as_json:
        print_json({"ended": ended})
    else:
        print_line(f"Ended {counted(ended, 'app password')}.")


@app_password.command()
@click.option("--dry-run", is_flag=True, help="Print them only: the next call prints them again.")
@json_list_option(NOTICE_SHAPE)
@with_appcontext
@speaks_plainly
def notices(dry_run: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Print mails to the owners of app passwords that are about to end.

    An app password ends on its last day, and after 90 days without use. Its owner is told once, from 14 days
    before on. Run this every day, and send what it prints: it is an mbox, which `formail -s sendmail -t`
    takes.
    """
    due = list(due_notices(services()))
    if as_json:
        print_items(map(notice_as_object, due))
    for notice in due:
        if not as_json:
            print_notice(notice, services().now)
        if not dry_run:
            mark_notice(services(), notice)
