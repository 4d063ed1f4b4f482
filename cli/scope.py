"""`flask scope …`: the catalogue of scopes, and who may have which of them."""

import click
from flask.cli import with_appcontext

from admin import scopes
from admin.clients import find_client
from admin.scopes import DescribedScope
from cli.output import (
    DiscreetGroup,
    json_list_option,
    json_option,
    print_items,
    print_json,
    print_line,
    print_record,
    print_table,
)
from cli.schema import speaks_plainly
from cli.services import operator, services, with_reason
from models import Scope
from oauth.policy.scope import ScopeVerdict

_SCOPE = '{"scope": text, "description": text, "needs": [rule, ...], "built_in": true or false}'
_description = click.option("--description", metavar="TEXT", help="What the scope is for.")
_needs = click.option(
    "--needs",
    multiple=True,
    metavar="RULE",
    help="Who may have it: group:DN or affiliation:NAME; repeatable. A user must match one of them.",
)


@click.group(cls=DiscreetGroup)
def scope() -> None:
    """Describe scopes, and limit them to some users.

    The catalogue describes the scopes of this campus. The server has some of its own, such as openid.
    """


@scope.command("list")
@json_list_option(_SCOPE)
@with_appcontext
@speaks_plainly
def list_scopes(as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """List the scopes of the server and of the catalogue."""
    described = scopes.list_described_scopes()
    if as_json:
        print_items(map(_as_object, described))
        return
    rows = [
        (each.name, each.description, "; ".join(each.needs), "server" if each.is_built_in else "catalogue")
        for each in described
    ]
    print_table(("SCOPE", "DESCRIPTION", "NEEDS ONE OF", "FROM"), rows)


@scope.command()
@click.argument("name")
@_description
@_needs
@with_reason
@json_option(_SCOPE)
@with_appcontext
@speaks_plainly
def create(name: str, description: str | None, needs: tuple[str, ...], as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Add the scope NAME to the catalogue.

    Rules for one of the server's own scopes are added in the same way.
    """
    _print(
        scopes.create_scope(services(), Scope(name, description or "", needs), actor=operator()),
        as_json=as_json,
    )


@scope.command()
@click.argument("name")
@_description
@_needs
@with_reason
@json_option(_SCOPE)
@with_appcontext
@speaks_plainly
def update(name: str, description: str | None, needs: tuple[str, ...], as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Change the scope NAME. A setting without an option stays as it is.

    --needs replaces all rules; --needs "" removes them.
    """
    rules = tuple(filter(None, needs)) if needs else None
    updated = scopes.update_scope(services(), name, description=description, needs=rules, actor=operator())
    _print(updated, as_json=as_json)


@scope.command()
@click.argument("name")
@with_reason
@json_option('{"scope": text, "deleted": true}')
@with_appcontext
@speaks_plainly
def delete(name: str, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Remove the scope NAME from the catalogue, with its rules.

    Clients that are registered for it keep it, and then every user may have it.
    """
    deleted = scopes.delete_scope(services(), name, actor=operator())
    if deleted.open_to:
        print_line(f"No rule limits it any more. Registered for it: {', '.join(deleted.open_to)}.", err=True)
    if as_json:
        print_json({"scope": name, "deleted": True})
    else:
        print_line(f"Deleted the scope {name}.")


@scope.command()
@click.argument("client_name", metavar="CLIENT")
@click.argument("net_id", metavar="NET_ID")
@json_list_option(
    '{"scope": text, "granted": true or false, "rule": text or null, "needs": [rule, ...]}',
    beside='"client_id": text, "net_id": text, "sub": text, ',
)
@with_appcontext
@speaks_plainly
def explain(client_name: str, net_id: str, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Say for each scope of CLIENT whether the user NET_ID may have it, and by which rule."""
    explained = scopes.explain_scopes(services(), find_client(services(), client_name), net_id)
    if as_json:
        print_items(
            map(_verdict, explained.verdicts),
            client_id=explained.client.client_id,
            net_id=explained.person.net_id,
            sub=explained.person.id,
        )
        return
    rows = [
        (each.scope, "granted" if each.granted else "refused", _because(each)) for each in explained.verdicts
    ]
    print_table(("SCOPE", "", "BECAUSE"), rows)


def _because(verdict: ScopeVerdict) -> str:
    if not verdict.needs:
        return "the scope has no rule"
    return verdict.rule or f"matches none of {'; '.join(verdict.needs)}"


def _verdict(verdict: ScopeVerdict) -> dict[str, object]:
    return {
        "scope": verdict.scope,
        "granted": verdict.granted,
        "rule": verdict.rule,
        "needs": list(verdict.needs),
    }


def _print(described: DescribedScope, *, as_json: bool) -> None:
    if as_json:
        print_json(_as_object(described))
    else:
        print_record({**_as_object(described), "built_in": None})


def _as_object(described: DescribedScope) -> dict[str, object]:
    return {
        "scope": described.name,
        "description": described.description,
        "needs": list(described.needs),
        "built_in": described.is_built_in,
    }
