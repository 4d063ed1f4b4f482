"""Registering clients, changing them, replacing their secrets, and ending them.

A change is computed from the stored client while its row is locked. Two operators who change one client at
the same time therefore lose nothing of each other's change, and rules are checked against what is stored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from admin.operation import OperationRefused, Services
from admin.scopes import undescribed_scopes
from core.moments import moment_text
from models import Client, Registration, Selection, people_at_cap
from oauth.clients.registration import DEVICE_CODE, Offer, mistakes
from oauth.clients.sign_in_rules import AUTHORIZATION_CODE
from oauth.policy.closed_reason import PASSWORD
from oauth.policy.scope import OFFLINE_ACCESS, OPENID
from telemetry import Actor

_AnyRegistration = TypeVar("_AnyRegistration", bound=Registration)


class UnknownClient(OperationRefused):
    """No client has this id or name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no client {name!r}.")


class AmbiguousClient(OperationRefused):
    """Several clients have this name."""

    def __init__(self, name: str, count: int) -> None:
        super().__init__(f"{count} clients are called {name!r}: say which by its id.")


class InvalidRegistration(OperationRefused):
    """The registration breaks rules: one sentence for each."""


class ClientTypeFixed(OperationRefused):
    """A change would make a public client confidential, or a confidential client public."""

    def __init__(self) -> None:
        super().__init__("A public client cannot become confidential, nor the other way: create a new one.")


class PublicClientHasNoSecret(OperationRefused):
    """A public client's secret was to be replaced."""

    def __init__(self, client_id: str) -> None:
        super().__init__(f"{client_id} is a public client: it has no secret.")


class UnknownSecret(OperationRefused):
    """The client has no secret with this number."""

    def __init__(self, client_id: str, serial: int) -> None:
        super().__init__(f"{client_id} has no secret number {serial}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedClient:
    """A new client. Its secret is shown this once, and is None for a public client."""

    client: Client
    secret: str | None = field(repr=False)
    name_is_shared: bool
    undescribed_scopes: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatedClient:
    """A client after a change, with the new scopes that the catalogue does not describe."""

    client: Client
    undescribed_scopes: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RotatedSecret:
    """A client with its new secret, which is shown this once."""

    client: Client
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientAtCap:
    """A client, and how many people have as many live grants with it as the cap allows."""

    client: Client
    people: int


def find_client(services: Services, name: str) -> Client:
    """The client with this id, or with this name if only one client has it.

    Args:
        services: what the use case works on.
        name: an id or a name.

    Raises:
        UnknownClient: no client has it.
        AmbiguousClient: several clients have this name.
        StoreUnavailable: the database did not answer.
    """
    if client := services.clients.get(name):
        return client
    named = [each for each in services.clients.list() if each.client_name == name]
    if not named:
        raise UnknownClient(name)
    if len(named) > 1:
        raise AmbiguousClient(name, len(named))
    return named[0]


def clients_at_cap(services: Services) -> Sequence[ClientAtCap]:
    """The clients with people at the cap of live grants, those with the most people first.

    Such a program usually logs its users in at every call instead of keeping the token.

    Raises:
        StoreUnavailable: the database did not answer.
    """
    people = people_at_cap(services.settings.grants_per_person, services.now)
    at_cap = [
        ClientAtCap(client=each, people=people[each.client_id])
        for each in services.clients.list()
        if each.client_id in people
    ]
    return sorted(at_cap, key=lambda each: -each.people)


def warnings_about(registration: Registration, *, password_grant_ends_at: int | None = None) -> Sequence[str]:
    """What an operator has probably forgotten in a registration, one sentence for each.

    Args:
        registration: as it is stored.
        password_grant_ends_at: when Net ID passwords end for every client, in seconds since the epoch.
    """
    sentences = []
    if password_grant_ends_at is not None and PASSWORD in registration.grant_types:
        ends = moment_text(password_grant_ends_at)
        sentences.append(
            f"This server accepts Net ID passwords of programs until {ends} only (NETID_PASSWORD_GRANT_ENDS)."
        )
    if not registration.grant_types and not registration.resource_server:
        sentences.append(
            "This client can do nothing yet: it has no grant type (--grant), and may not introspect tokens "
            "(--resource-server)."
        )
    if _misses_offline_access(registration):
        sentences.append(
            "A sign-in with openid gives this client no refresh token: its --scope lacks offline_access."
        )
    if not registration.owner:
        sentences.append("This client has no owner (--owner): nobody can be asked when it must change.")
    return sentences


def _misses_offline_access(registration: Registration) -> bool:
    """Whether the client may refresh, but gets no refresh token by OpenID Connect (OpenID Core 1.0, 11)."""
    signs_in = {AUTHORIZATION_CODE, DEVICE_CODE} & {*registration.grant_types}
    names = registration.scope.split()
    may_refresh = "refresh_token" in registration.grant_types
    return bool(signs_in) and may_refresh and OPENID in names and OFFLINE_ACCESS not in names


def create_client(
    services: Services, name: str, changes: Mapping[str, Any], *, actor: Actor
) -> CreatedClient:
    """Register a client.

    Args:
        services: what the use case works on.
        name: what the client is called.
        changes: what differs from a registration's defaults, as `changed` takes it.
        actor: who registers it, for the audit.

    Raises:
        InvalidRegistration: the registration breaks rules.
        StoreUnavailable: nothing was registered.
    """
    registration = changed(Registration(client_name=name), changes)
    _refuse_mistakes(services, registration)
    name_is_shared = any(each.client_name == name for each in services.clients.list())
    undescribed = undescribed_scopes(registration.scope)
    client, secret = services.clients.create(registration, actor=actor)
    return CreatedClient(
        client=client, secret=secret, name_is_shared=name_is_shared, undescribed_scopes=undescribed
    )


def update_client(
    services: Services, name: str, changes: Mapping[str, Any], *, enable: bool = False, actor: Actor
) -> UpdatedClient:
    """Change what is registered of a client.

    Args:
        services: what the use case works on.
        name: the client's id or name.
        changes: the new values, as `changed` takes them.
        enable: whether a disabled client works again.
        actor: who changes it, for the audit.

    Raises:
        UnknownClient, AmbiguousClient: as `find_client`.
        InvalidRegistration: the changed registration breaks rules.
        ClientTypeFixed: the change is one between public and confidential.
        StoreUnavailable: nothing was changed.
    """
    before = find_client(services, name)
    names = [each.name for each in fields(Registration)]

    def columns(stored: Client) -> dict[str, Any]:
        after = changed(stored, changes)
        _refuse_mistakes(services, after)
        if after.is_public != stored.is_public:
            raise ClientTypeFixed
        values = {each: (getattr(stored, each), getattr(after, each)) for each in names}
        replaced = {each: new for each, (old, new) in values.items() if new != old}
        return {**replaced, "disabled_at": None} if enable else replaced

    try:
        client = services.clients.update(before.client_id, columns, actor=actor)
    except KeyError:
        raise UnknownClient(name) from None
    undescribed = () if client.scope == before.scope else undescribed_scopes(client.scope)
    return UpdatedClient(client=client, undescribed_scopes=undescribed)


def count_grants_of_client(services: Services, client: Client) -> int:
    """How many live grants a client holds: how many logins end if it is disabled or deleted.

    Raises:
        StoreUnavailable: the database did not answer.
    """
    return services.count_grants(Selection(client_id=client.client_id))


def disable_client(services: Services, name: str, *, actor: Actor) -> Client:
    """Refuse a client from now on, and end every token that it holds.

    The client is disabled in one transaction with its audit row. Its grants end afterwards, in batches.

    Args:
        services: what the use case works on.
        name: the client's id or name.
        actor: who disables it, for the audit.

    Raises:
        UnknownClient, AmbiguousClient: as `find_client`.
        StoreUnavailable: not every step was stored; another call goes on.
    """
    try:
        return services.clients.disable(find_client(services, name).client_id, actor=actor)
    except KeyError:
        raise UnknownClient(name) from None


def delete_client(services: Services, name: str, *, actor: Actor) -> Client:
    """Disable a client as `disable_client` does, and delete it then. Returns the client as it was.

    Args:
        services: what the use case works on.
        name: the client's id or name.
        actor: who deletes it, for the audit.

    Raises:
        UnknownClient, AmbiguousClient: as `find_client`.
        StoreUnavailable: not every step was stored; another call goes on.
    """
    client = find_client(services, name)
    try:
        services.clients.delete(client.client_id, actor=actor)
    except KeyError:
        raise UnknownClient(name) from None
    return client


def rotate_secret(services: Services, name: str, *, old_not_after: int, actor: Actor) -> RotatedSecret:
    """Give a client a new secret, beside which the old ones live for a while.

    Args:
        services: what the use case works on.
        name: the client's id or name.
        old_not_after: when the old secrets end, in seconds since the epoch.
        actor: who replaces it, for the audit.

    Raises:
        UnknownClient, AmbiguousClient: as `find_client`.
        PublicClientHasNoSecret: the client is public.
        StoreUnavailable: nothing was changed.
    """
    client_id = find_client(services, name).client_id
    try:
        secret = services.clients.rotate_secret(client_id, old_not_after=old_not_after, actor=actor)
    except KeyError:
        raise UnknownClient(name) from None
    except ValueError:
        raise PublicClientHasNoSecret(client_id) from None
    return RotatedSecret(client=find_client(services, client_id), secret=secret)


def retire_secret(services: Services, name: str, serial: int, *, actor: Actor) -> Client:
    """End one secret of a client now.

    Args:
        services: what the use case works on.
        name: the client's id or name.
        serial: the number of the secret.
        actor: who ends it, for the audit.

    Raises:
        UnknownClient, AmbiguousClient: as `find_client`.
        UnknownSecret: the client has no secret with this number.
        StoreUnavailable: nothing was changed.
    """
    client_id = find_client(services, name).client_id
    try:
        services.clients.retire_secret(client_id, serial, actor=actor)
    except KeyError:
        raise UnknownSecret(client_id, serial) from None
    return find_client(services, client_id)


def offer(services: Services) -> Offer:
    """What the server offers to clients, which registrations are checked against."""
    return Offer(services.client_auth.methods, services.settings.issuer)


def changed(registration: _AnyRegistration, changes: Mapping[str, Any]) -> _AnyRegistration:
    """A registration with some of its members replaced.

    Args:
        registration: as it was.
        changes: new values by the field names of `Registration`. `flags` and `restrictions` name only what
            changes in them; a restriction without values goes.
    """
    members = dict(changes)
    if "flags" in members:
        members["flags"] = {**registration.flags, **members["flags"]}
    if "restrictions" in members:
        merged = {**registration.restrictions, **members["restrictions"]}
        members["restrictions"] = {name: values for name, values in merged.items() if values}
    return replace(registration, **members)


def _refuse_mistakes(services: Services, registration: Registration) -> None:
    if broken := mistakes(registration, offer(services)):
        raise InvalidRegistration(*broken)
