"""`flask scope …`: the catalogue of scopes, and who may have which of them."""

import click
from flask.cli import with_appcontext

from admin.clients import find_client
from cli.output import Refused, as_json, print_json, print_line, print_record, print_table, speaks_plainly
from cli.services import services
from directory import DirectoryUnavailable, InvalidCredentials, Person
from models import Scope, ScopeExists, ScopeStore
from oauth.policy.membership import is_rule
from oauth.policy.scope import DEFAULT, is_wellformed
from oauth.policy.scope_registry import BUILT_IN, ScopeRules, ScopeVerdict

_NAME_LENGTH = 255
_description = click.option("--description", metavar="TEXT", help="What it is for.")
_needs = click.option(
    "--needs",
    multiple=True,
    metavar="RULE",
    help="Who may have it: group:DN or affiliation:NAME; repeatable, one of them is enough.",
)


@click.group()
def scope() -> None:
    """Say which scopes there are, what they are for, and who may have them."""


@scope.command("list")
@as_json
@with_appcontext
@speaks_plainly
def list_scopes(as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """List every scope: those of the server itself, and those of the catalogue."""
    catalogue = {each.name: each for each in ScopeStore().list()}
    own = [catalogue.pop(name, Scope(name)) for name in BUILT_IN]
    scopes = [*own, *catalogue.values()]
    if as_json:
        print_json([_as_object(each) for each in scopes])
        return
    rows = [
        (
            each.name,
            _description_of(each),
            "; ".join(each.needs),
            "server" if each.name in BUILT_IN else "catalogue",
        )
        for each in scopes
    ]
    print_table(("SCOPE", "DESCRIPTION", "NEEDS ONE OF", "FROM"), rows)


@scope.command()
@click.argument("name")
@_description
@_needs
@as_json
@with_appcontext
@speaks_plainly
def create(name: str, description: str | None, needs: tuple[str, ...], as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Put the scope NAME into the catalogue; for one of the server's own, that adds rules to it."""
    made = Scope(name, description or "", tuple(needs))
    _refuse_mistakes(made)
    try:
        ScopeStore().create(made)
    except ScopeExists:
        raise Refused(f"The scope {name!r} is in the catalogue already.") from None
    _say(made, as_json=as_json)


@scope.command()
@click.argument("name")
@_description
@_needs
@as_json
@with_appcontext
@speaks_plainly
def update(name: str, description: str | None, needs: tuple[str, ...], as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Change the scope NAME. What is not named stays; --needs replaces all rules, --needs "" ends them."""
    before = _expect(name)
    after = Scope(
        name,
        before.description if description is None else description,
        tuple(filter(None, needs)) if needs else before.needs,
    )
    _refuse_mistakes(after)
    ScopeStore().update(after)
    _say(after, as_json=as_json)


@scope.command()
@click.argument("name")
@as_json
@with_appcontext
@speaks_plainly
def delete(name: str, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Take the scope NAME out of the catalogue, and its rules with it. Clients that have it keep it."""
    gone = _expect(name)
    ScopeStore().delete(name)
    having = [each.client_name for each in services().clients.list() if name in each.scope.split()]
    if gone.needs and having:
        print_line(f"Nothing rules it any more; registered for it: {', '.join(having)}.", err=True)
    if as_json:
        print_json({"scope": name, "deleted": True})
    else:
        print_line(f"Deleted the scope {name}.")


@scope.command()
@click.argument("client_name", metavar="CLIENT")
@click.argument("net_id", metavar="NET_ID")
@as_json
@with_appcontext
@speaks_plainly
def explain(client_name: str, net_id: str, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Say of each scope of CLIENT whether the person NET_ID may have it, and by which rule."""
    registered = find_client(services(), client_name)
    names = registered.scope or DEFAULT
    rules = ScopeRules(ScopeStore().list())
    person = _person(net_id, groups=rules.want_groups(names))
    verdicts = rules.verdicts(person, names)
    if as_json:
        print_json(
            {
                "client_id": registered.client_id,
                "net_id": person.net_id,
                "sub": person.id,
                "scopes": [_verdict(each) for each in verdicts],
            }
        )
        return
    rows = [(each.scope, "granted" if each.granted else "refused", _because(each)) for each in verdicts]
    print_table(("SCOPE", "", "BECAUSE"), rows)


def _person(net_id: str, *, groups: bool) -> Person:
    try:
        return services().directory.examine(net_id, groups=groups).person
    except InvalidCredentials as refusal:
        raise Refused(f"The directory does not know {net_id!r}: {refusal.reason}.") from None
    except DirectoryUnavailable as trouble:
        raise Refused(
            f"The directory cannot say ({trouble.cause}). Look further: flask directory check"
        ) from None


def _because(verdict: ScopeVerdict) -> str:
    if not verdict.needs:
        return "it needs nothing"
    return verdict.rule or f"of none of {'; '.join(verdict.needs)}"


def _verdict(verdict: ScopeVerdict) -> dict[str, object]:
    return {
        "scope": verdict.scope,
        "granted": verdict.granted,
        "rule": verdict.rule,
        "needs": list(verdict.needs),
    }


def _expect(name: str) -> Scope:
    for each in ScopeStore().list():
        if each.name == name:
            return each
    raise Refused(f"The catalogue has no scope {name!r}.")


def _refuse_mistakes(made: Scope) -> None:
    found = []
    if len(made.name) > _NAME_LENGTH or " " in made.name or not is_wellformed(made.name):
        found.append("The name must be up to 255 letters of printable ASCII without quotes or backslashes.")
    if made.name == DEFAULT:
        found.append(f"The scope {DEFAULT!r} is what clients without a list have: it can have no rules.")
    if not made.description.isprintable():
        found.append("The description must be printable.")
    found += [
        f"The rule {rule!r} must be group:DN (RFC 4514) or affiliation:NAME."
        for rule in made.needs
        if not is_rule(rule)
    ]
    if found:
        raise Refused(*found)


def _say(said: Scope, *, as_json: bool) -> None:
    if as_json:
        print_json(_as_object(said))
    else:
        print_record({**_as_object(said), "built_in": None})


def _as_object(said: Scope) -> dict[str, object]:
    return {
        "scope": said.name,
        "description": _description_of(said),
        "needs": list(said.needs),
        "built_in": said.name in BUILT_IN,
    }


def _description_of(scope: Scope) -> str:
    return scope.description or BUILT_IN.get(scope.name, "")
