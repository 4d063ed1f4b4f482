"""An operator makes an app password for a user, by the rules that `/me` applies too."""

from dataclasses import dataclass, field

from admin.clients import find_client
from admin.operation import OperationRefused, Services, refuse_app_passwords
from directory import DirectoryUnavailable, InvalidCredentials, PersonState, Refusal
from models import AppPassword, AppPasswordStore, Client, TooManyAppPasswords, TooManyInADay
from oauth.policy.app_password_rules import (
    TOO_MANY,
    TOO_MANY_IN_A_DAY,
    AppPasswordRefused,
    AppPasswordWish,
    NewAppPassword,
)
from telemetry import Actor

CREATED = "app_password.created"
NO_ACCOUNT = (
    "App passwords need a service account that can search the directory: set NETID_LDAP_BIND_DN and "
    "NETID_LDAP_BIND_PASSWORD."
)


class NoAppPassword(OperationRefused):
    """The rules, or the directory's answer about the user, allow no such app password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedAppPassword:
    """A new app password. Its value is shown this once."""

    stored: AppPassword
    client: Client
    value: str = field(repr=False)


def create_app_password(
    services: Services, client_name: str, net_id: str, wish: AppPasswordWish, *, actor: Actor
) -> CreatedAppPassword:
    """Make an app password for a user and a client.

    Args:
        services: what the use case works on.
        client_name: the client, by its id or name.
        net_id: the user, by a login name as typed.
        wish: label, lifetime, scope and networks.
        actor: who makes it, for the audit.

    Raises:
        UnknownClient, AmbiguousClient: as `find_client`.
        NoAppPassword: one sentence for each reason.
        StoreUnavailable: nothing was stored.
    """
    rules = services.app_password_rules
    if not rules.can_read:
        raise NoAppPassword(NO_ACCOUNT)
    client = find_client(services, client_name)
    person = _person(services, net_id, groups=rules.want_groups(client)).person
    try:
        new = rules.checked(client, person, wish, services.now).made_by(actor.fields()["actor"])
    except AppPasswordRefused as refused:
        raise NoAppPassword(*refused.sentences) from None
    _store(services, new, actor)
    return CreatedAppPassword(stored=new.stored, client=client, value=new.value)


def _store(services: Services, new: NewAppPassword, actor: Actor) -> None:
    """Store an app password, and log it."""
    stored = new.stored
    event = services.event(
        CREATED,
        actor,
        client_id=stored.client_id,
        subject=stored.subject,
        scope=stored.scope,
        app_password_id=stored.id.hex(),
    )
    try:
        AppPasswordStore(services.clock).add(stored, new.digest, event)
    except TooManyInADay:
        raise NoAppPassword(TOO_MANY_IN_A_DAY) from None
    except TooManyAppPasswords:
        raise NoAppPassword(TOO_MANY) from None
    services.tell(event)


def _person(services: Services, net_id: str, *, groups: bool) -> PersonState:
    """The user whom a name means, if the directory would let them log in.

    Raises:
        NoAppPassword: it would not, or it does not answer. The name is not repeated: it may be a password.
    """
    refuse_app_passwords(net_id)
    try:
        state = services.directory.examine(net_id, groups=groups)
    except DirectoryUnavailable:
        raise NoAppPassword("The directory does not answer: try again later.") from None
    except InvalidCredentials as refusal:
        if refusal.reason is Refusal.AMBIGUOUS:
            raise NoAppPassword("Several users have this name in the directory.") from None
        raise NoAppPassword("The directory has no user of this name.") from None
    if state.refusal is not None:
        raise NoAppPassword(f"The directory refuses logins of this user ({state.refusal.value}).")
    return state
