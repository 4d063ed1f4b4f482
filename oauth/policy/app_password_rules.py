"""Which app passwords may be made, by a user on `/me` or by an operator's command.

Owns: the rules for client, user, label, lifetime, scope and networks of a new app password, the sentence for
each mistake, and what is stored of it. Must not know: forms, commands and SQL, and what a login with it does.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, NamedTuple, TypeAlias

from login import InvalidCredentials, Person
from login.app_passwords import digest_of, is_app_password, new_app_password
from models import AppPassword, Client
from models.tables import DEFAULT_DIRECTORY
from oauth.policy.closed_reason import PASSWORD, final_reason
from oauth.policy.restrictions import Restrictions
from oauth.policy.scope import DEFAULT, ScopeRules

MAX_LABEL_CHARACTERS: Final = 100
MAX_NETWORKS: Final = 20

_DAY: Final = 86_400
_ID_OCTETS: Final = 16
_Network: TypeAlias = IPv4Network | IPv6Network


class Mistake(NamedTuple):
    """One reason against an app password.

    Attributes:
        field: the part of the wish to correct; None if no correction of it helps.
        sentence: constant, so that a page can translate it; `values` stand in its placeholders.
        values: what the sentence names.
    """

    field: str | None
    sentence: str
    values: Mapping[str, object] = {}

    def __str__(self) -> str:
        """The sentence in English."""
        return self.sentence % self.values


NO_ACCOUNT: Final = (
    "App passwords are not available here: the server needs an account that can search the directory."
)
NOT_FOR_CLIENT: Final = "This program takes no app passwords."
NOT_ALLOWED: Final = "The rules of this server or of the program exclude this user."
CLOSED: Final = "This program takes no new users."
LABEL: Final = "The label must have 1 to %(most)s printable characters, and be no app password."
DAYS: Final = "An app password can last for 1 to %(most)s days."
NO_SCOPE: Final = "Choose at least one permission."
NOT_OF_CLIENT: Final = "The program may not have the permission %(scope)s."
NOT_OF_USER: Final = "This user may not have the permission %(scope)s."
NOTHING_LEFT: Final = "This user may have none of the program's permissions."
NETWORK: Final = "%(network)s must be an address or a network, such as 192.0.2.7 or 192.0.2.0/24."
OUTSIDE: Final = "%(network)s is outside the networks that the program may be used from."
MANY_NETWORKS: Final = "An app password can have at most %(most)s networks."
TOO_MANY: Final = "This user has as many app passwords as one user can have. End one that is not needed."
TOO_MANY_IN_A_DAY: Final = "Too many app passwords were made for this user within a day. Try again tomorrow."


class AppPasswordRefused(Exception):
    """No app password was made. `mistakes` has each reason."""

    def __init__(self, *mistakes: Mistake) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = mistakes

    @property
    def sentences(self) -> Sequence[str]:
        """The reasons in English, one sentence each."""
        return [str(each) for each in self.mistakes]


class AppPasswordWish(NamedTuple):
    """What a user or an operator asks for.

    Attributes:
        label: what the owner knows it by.
        days: how many days it lasts.
        scope: space-separated; None for all that the client and the user may have.
        networks: where it may be used; empty for everywhere.
    """

    label: str
    days: int
    scope: str | None = None
    networks: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAppPassword:
    """An app password that the rules allow, and that is not stored yet. Its user makes it, unless `made_by`.

    Attributes:
        stored: what the database gets, beside the digest.
        value: what the user gets, this once.
    """

    stored: AppPassword
    value: str = field(default_factory=new_app_password, repr=False)

    @property
    def digest(self) -> bytes:
        """What the database finds it by."""
        digest = digest_of(self.value)
        if digest is None:
            raise AssertionError("Every value that this server makes has a digest.")
        return digest

    def named(self, key: bytes) -> "NewAppPassword":
        """The same under another id.

        Args:
            key: 16 octets.
        """
        return replace(self, stored=self.stored._replace(id=key))

    def made_by(self, operator: str) -> "NewAppPassword":
        """The same, as an operator makes it for the user.

        Args:
            operator: the name for the audit.
        """
        return replace(self, stored=self.stored._replace(created_by=operator))


@dataclass(frozen=True, slots=True, kw_only=True)
class AppPasswordRules:
    """The rules of one server.

    Attributes:
        max_days: the longest lifetime of an app password.
        can_read: whether the directory can be asked about a user without the user's password.
        restrictions: the rules about people and networks.
        scope_rules: reads the rules of scopes; it may raise StoreUnavailable.
        is_known: whether a user was one of a client's before a time: takes the client's id, the user's stable
            id and seconds since the epoch; it may raise StoreUnavailable.
    """

    max_days: int
    can_read: bool
    restrictions: Restrictions
    scope_rules: Callable[[], ScopeRules]
    is_known: Callable[[str, str, int], bool]

    def want_groups(self, client: Client) -> bool:
        """Whether `checked` needs the user's groups.

        Args:
            client: as registered.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        return self.restrictions.want_groups(client) or self.scope_rules().want_groups(scope_of(client))

    def refuse_pair(self, client: Client | None, person: Person, now: int) -> None:
        """Refuse an app password for this client and user, whatever its label, scope and networks.

        Args:
            client: as registered; None if there is none, which looks like one that takes no app passwords.
            person: with their groups, if `want_groups` is true.
            now: seconds since the epoch.

        Raises:
            AppPasswordRefused: with the one reason.
            StoreUnavailable: the database cannot say.
        """
        if not self.can_read:
            raise AppPasswordRefused(Mistake(None, NO_ACCOUNT))
        if client is None or not takes_app_passwords(client, now):
            raise AppPasswordRefused(Mistake(None, NOT_FOR_CLIENT))
        try:
            self.restrictions.check_person(client, person)
        except InvalidCredentials:
            raise AppPasswordRefused(Mistake(None, NOT_ALLOWED)) from None
        closed_at = client.password_grant.closed_to_new_people_at
        if closed_at is not None and not self.is_known(client.client_id, person.id, closed_at):
            raise AppPasswordRefused(Mistake(None, CLOSED))

    def permitted_scope(self, client: Client, person: Person) -> str:
        """All that an app password of this client and user may have, space-separated; empty for nothing.

        Args:
            client: as registered.
            person: with their groups, if `want_groups` is true.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        return self.scope_rules().permitted(person, scope_of(client))

    def checked(self, client: Client, person: Person, wish: AppPasswordWish, now: int) -> NewAppPassword:
        """Apply every rule to a wish, and make an app password if none forbids it.

        Args:
            client: as registered.
            person: with their groups, if `want_groups` is true.
            wish: as it was typed.
            now: seconds since the epoch.

        Raises:
            AppPasswordRefused: with each mistake.
            StoreUnavailable: the database cannot say.
        """
        self.refuse_pair(client, person, now)
        label = wish.label.strip()
        scope, of_scope = self._scope(client, person, wish.scope)
        networks, of_networks = _networks(wish.networks, client.restrictions.get("networks", ()))
        mistakes = [*of_scope, *of_networks]
        if not 1 <= wish.days <= self.max_days:
            mistakes.insert(0, Mistake("days", DAYS, {"most": self.max_days}))
        if not _is_label(label):
            mistakes.insert(0, Mistake("label", LABEL, {"most": MAX_LABEL_CHARACTERS}))
        if mistakes:
            raise AppPasswordRefused(*mistakes)
        stored = AppPassword(
            id=secrets.token_bytes(_ID_OCTETS),
            client_id=client.client_id,
            directory=DEFAULT_DIRECTORY,
            subject=person.id,
            net_id=None if person.private else person.net_id,
            label=label,
            scope=scope,
            networks=networks,
            created_at=now,
            expires_at=now + wish.days * _DAY,
            password_changed_at=person.password_changed_at,
        )
        return NewAppPassword(stored=stored)

    def _scope(self, client: Client, person: Person, wanted: str | None) -> tuple[str, Sequence[Mistake]]:
        """The scope, and what is wrong with the wish. Nothing that is wished for is left out silently."""
        permitted = self.permitted_scope(client, person)
        if not permitted:
            return "", [Mistake("scope", NOTHING_LEFT)]
        if wanted is None:
            return permitted, []
        names = list(dict.fromkeys(wanted.split()))
        if not names:
            return "", [Mistake("scope", NO_SCOPE)]
        may, of_client = permitted.split(), scope_of(client).split()
        return " ".join(names), [
            Mistake("scope", NOT_OF_USER if name in of_client else NOT_OF_CLIENT, {"scope": _quoted(name)})
            for name in names
            if name not in may
        ]


def takes_app_passwords(client: Client, now: int) -> bool:
    """Whether a client takes app passwords, whatever the user.

    Args:
        client: as registered.
        now: seconds since the epoch.
    """
    # The end of the server is none of app passwords.
    closed = final_reason(client.password_grant, None, is_app_password=True, now=now)
    return client.disabled_at is None and PASSWORD in client.grant_types and closed is None


def scope_of(client: Client) -> str:
    """The scopes that a client may have, space-separated.

    Args:
        client: as registered.
    """
    return client.scope or DEFAULT


def _is_label(text: str) -> bool:
    # Somebody may paste the app password itself where its label belongs.
    is_secret = any(is_app_password(word) for word in text.split())
    return 1 <= len(text) <= MAX_LABEL_CHARACTERS and text.isprintable() and not is_secret


def _networks(wanted: Sequence[str], of_client: Sequence[str]) -> tuple[Sequence[str], Sequence[Mistake]]:
    """The networks in their canonical form, each once, and what is wrong with them."""
    if len(wanted) > MAX_NETWORKS:
        # Not even read: a form has room for thousands.
        return (), [Mistake("networks", MANY_NETWORKS, {"most": MAX_NETWORKS})]
    found: dict[str, None] = {}
    mistakes = []
    allowed = [ip_network(each) for each in of_client]
    for text in wanted:
        network = _network(text)
        if network is None:
            mistakes.append(Mistake("networks", NETWORK, {"network": _quoted(text)}))
        elif allowed and not any(_overlap(network, each) for each in allowed):
            mistakes.append(Mistake("networks", OUTSIDE, {"network": str(network)}))
        else:
            found[str(network)] = None
    return tuple(found), mistakes


def _network(text: str) -> _Network | None:
    # A zone, as in fe80::1%eth0, is another one on each host (RFC 4007, 11.2).
    if "%" in text:
        return None
    try:
        return ip_network(text)
    except ValueError:
        return None


def _quoted(text: str) -> str:
    # No sentence repeats an app password that was pasted into the wrong field.
    return repr("…" if is_app_password(text) else text[:MAX_LABEL_CHARACTERS])


def _overlap(one: _Network, other: _Network) -> bool:
    return one.version == other.version and one.overlaps(other)
