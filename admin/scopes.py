"""The catalogue of scopes: what each scope is for, and who may have it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from admin.operation import OperationRefused, Services, refuse_app_passwords
from directory import DirectoryUnavailable, InvalidCredentials, Person
from models import Client, Scope, ScopeExists, ScopeStore
from oauth.policy.membership import rule_mistakes
from oauth.policy.scope import BUILT_IN, DEFAULT, ScopeRules, ScopeVerdict, is_wellformed
from telemetry import Actor

_MAX_NAME_LENGTH = 255


class InvalidScope(OperationRefused):
    """The scope breaks rules: one sentence for each."""


class ScopeTaken(OperationRefused):
    """The catalogue has a scope of this name already."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The scope {name!r} is in the catalogue already.")


class UnknownScope(OperationRefused):
    """The catalogue has no scope of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The catalogue has no scope {name!r}.")


class UnknownPerson(OperationRefused):
    """The directory does not know the person."""


class DirectoryCannotSay(OperationRefused):
    """The directory did not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedScope:
    """A scope with its description; `is_built_in` says whether the server itself gives it a meaning."""

    name: str
    description: str
    needs: Sequence[str]
    is_built_in: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletedScope:
    """A scope that was deleted, and the names of clients that may now have it without a rule."""

    name: str
    open_to: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeExplanation:
    """Which scopes of a client a person may have, each with the rule that decides."""

    client: Client
    person: Person
    verdicts: Sequence[ScopeVerdict]


def undescribed_scopes(*scopes: str) -> Sequence[str]:
    """The names in `scopes` that neither the server nor the catalogue describes: a name may be misspelt.

    Args:
        scopes: names of scopes, several in each with spaces between.

    Raises:
        StoreUnavailable: the database did not answer.
    """
    known = {*BUILT_IN, *(scope.name for scope in ScopeStore().list())}
    return tuple(dict.fromkeys(name for scope in scopes for name in scope.split() if name not in known))


def list_described_scopes() -> Sequence[DescribedScope]:
    """Every scope: first those of the server itself, then those of the catalogue by name.

    Raises:
        StoreUnavailable: the database did not answer.
    """
    catalogue = {each.name: each for each in ScopeStore().list()}
    built_in = [catalogue.pop(name, Scope(name)) for name in BUILT_IN]
    return [_described(each) for each in (*built_in, *catalogue.values())]


def create_scope(services: Services, scope: Scope, *, actor: Actor) -> DescribedScope:
    """Put a scope into the catalogue. A built-in scope gets rules that way.

    Args:
        services: what the use case works on.
        scope: the scope.
        actor: who creates it, for the audit.

    Raises:
        InvalidScope: the scope breaks rules.
        ScopeTaken: the catalogue has one of this name.
        StoreUnavailable: nothing was stored.
    """
    _refuse_mistakes(scope)
    event = services.event("scope.created", actor, scope=scope.name)
    try:
        ScopeStore().create(scope, event)
    except ScopeExists:
        raise ScopeTaken(scope.name) from None
    services.tell(event)
    return _described(scope)


def update_scope(
    services: Services,
    name: str,
    *,
    description: str | None = None,
    needs: Sequence[str] | None = None,
    actor: Actor,
) -> DescribedScope:
    """Change a scope of the catalogue. None keeps what is stored, even if it changes meanwhile.

    Args:
        services: what the use case works on.
        name: which scope.
        description: the new description.
        needs: the new rules; none at all ends the rules.
        actor: who changes it, for the audit.

    Raises:
        InvalidScope: the changed scope breaks rules.
        UnknownScope: the catalogue has no such scope.
        StoreUnavailable: nothing was changed.
    """
    changes: dict[str, Any] = {}
    if description is not None:
        changes["description"] = description
    if needs is not None:
        changes["needs"] = tuple(needs)
    if name not in (each.name for each in ScopeStore().list()):
        raise UnknownScope(name)
    _refuse_mistakes(Scope(name, **changes))
    event = services.event("scope.updated", actor, ", ".join(sorted(changes)) or None, scope=name)
    try:
        updated = ScopeStore().update(name, changes, event)
    except KeyError:
        raise UnknownScope(name) from None
    services.tell(event)
    return _described(updated)


def delete_scope(services: Services, name: str, *, actor: Actor) -> DeletedScope:
    """Take a scope out of the catalogue, and its rules with it. Clients that have it keep it.

    Args:
        services: what the use case works on.
        name: which scope.
        actor: who deletes it, for the audit.

    Raises:
        UnknownScope: the catalogue has no such scope.
        StoreUnavailable: nothing was changed.
    """
    event = services.event("scope.deleted", actor, scope=name)
    try:
        deleted = ScopeStore().delete(name, event)
    except KeyError:
        raise UnknownScope(name) from None
    services.tell(event)
    having = [each.client_name for each in services.clients.list() if name in each.scope.split()]
    return DeletedScope(name=name, open_to=having if deleted.needs else ())


def explain_scopes(services: Services, client: Client, net_id: str) -> ScopeExplanation:
    """Say for each scope of a client whether a person may have it, and by which rule.

    Args:
        services: what the use case works on.
        client: the client.
        net_id: the person's login name or stable id.

    Raises:
        UnknownPerson: the directory does not know the person.
        DirectoryCannotSay: the directory did not answer.
        StoreUnavailable: the database did not answer.
    """
    names = client.scope or DEFAULT
    rules = ScopeRules(ScopeStore().list())
    person = _examine(services, net_id, groups=rules.want_groups(names))
    return ScopeExplanation(client=client, person=person, verdicts=rules.verdicts(person, names))


def _examine(services: Services, net_id: str, *, groups: bool) -> Person:
    refuse_app_passwords(net_id)
    try:
        return services.directory.examine(net_id, groups=groups).person
    except InvalidCredentials as refusal:
        raise UnknownPerson(f"The directory does not know {net_id!r}: {refusal.reason}.") from None
    except DirectoryUnavailable as outage:
        raise DirectoryCannotSay(
            f"The directory cannot say ({outage.cause}). Look further: flask directory check"
        ) from None


def _refuse_mistakes(scope: Scope) -> None:
    sentences = []
    if len(scope.name) > _MAX_NAME_LENGTH or " " in scope.name or not is_wellformed(scope.name):
        sentences.append(
            "The name must be 1 to 255 characters of printable ASCII, without spaces, quotes or backslashes."
        )
    if scope.name == DEFAULT:
        sentences.append(f"The scope {DEFAULT!r} is what clients without a list have: it can have no rules.")
    if not scope.description.isprintable():
        sentences.append("The description must be printable.")
    sentences += rule_mistakes(scope.needs)
    if sentences:
        raise InvalidScope(*sentences)


def _described(scope: Scope) -> DescribedScope:
    return DescribedScope(
        name=scope.name,
        description=scope.description or BUILT_IN.get(scope.name, ""),
        needs=tuple(scope.needs),
        is_built_in=scope.name in BUILT_IN,
    )
