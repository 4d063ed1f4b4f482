"""What every use case works on, and how it refuses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import login
import oauth
from directory import Directory, ldap
from models import (
    ClientStore,
    GrantStore,
    PersistentSecrets,
    ScopeStore,
    Selection,
    count_grants,
    end_grants,
    has_tables,
)
from settings import Settings
from settings.keyring import KeyRing
from telemetry import REASON_LENGTH, Actor, AuditEvent


class OperationRefused(Exception):
    """The operator asked for something that cannot be done; nothing was changed.

    `sentences` tell the operator why. They repeat the operator's own input, but never a secret or a token.
    """

    def __init__(self, *sentences: str) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


class NothingMatches(OperationRefused):
    """What the operator named does not exist, so nothing was changed."""


class UnclearSelection(OperationRefused):
    """The operator named nothing that is to end, or everyone beside something: a wrong use of the command."""


def require_one_way(refusal: type[UnclearSelection], *ways: bool) -> None:
    """Refuse an end that names nothing, or that names it in two ways.

    A slip must not end what the whole campus uses.

    Args:
        refusal: names the options of the command.
        ways: whether each way to name what ends was used.

    Raises:
        UnclearSelection: `refusal`: not exactly one way was used.
    """
    if sum(ways) != 1:
        raise refusal


class TypedAppPassword(OperationRefused):
    """The operator typed an app password where a user or a Net ID password belongs. No directory gets it."""

    def __init__(self) -> None:
        super().__init__("This looks like an app password, which is never sent to the directory.")


def refuse_app_passwords(*typed: str | None) -> None:
    """Refuse what looks like an app password before the directory is asked.

    Args:
        typed: names and passwords as typed.

    Raises:
        TypedAppPassword: one of them looks like one.
    """
    if any(login.is_app_password(each) for each in typed if each is not None):
        raise TypedAppPassword


@dataclass(frozen=True, kw_only=True)
class Services(ABC):
    """The stores, the directory, the clock and the settings of one application.

    What only some use cases need is opened at its first use, so that other commands start quickly.
    """

    clients: ClientStore
    grants: GrantStore
    ring: KeyRing
    persistent_secrets: PersistentSecrets
    clock: Callable[[], float]
    settings: Settings
    tell: Callable[[AuditEvent], None]
    """Logs the event of a change that an operator made, once it is stored."""

    @property
    @abstractmethod
    def directory(self) -> Directory:
        """The directory."""

    @property
    @abstractmethod
    def ldap_config(self) -> ldap.LdapConfig:
        """The settings of the directory."""

    @property
    @abstractmethod
    def signing_keys(self) -> oauth.SigningKeys:
        """The keys that sign tokens."""

    @property
    @abstractmethod
    def client_auth(self) -> oauth.StrictClientAuthentication:
        """Authenticates clients."""

    @property
    @abstractmethod
    def audit_names(self) -> login.Names:
        """The digests of login names in the audit."""

    @property
    @abstractmethod
    def login_names(self) -> login.Names:
        """The digests of login names by which failures are counted."""

    @property
    @abstractmethod
    def limits(self) -> login.Limits:
        """The limits on failed logins."""

    @property
    @abstractmethod
    def app_password_rules(self) -> oauth.AppPasswordRules:
        """The rules for new app passwords."""

    @property
    def now(self) -> int:
        """The time of the server's clock, in whole seconds since the epoch."""
        return int(self.clock())

    def event(self, name: str, actor: Actor, reason: str | None = None, **fields: str | None) -> AuditEvent:
        """An audit event of now.

        Args:
            name: the event's name.
            actor: who acts, and why.
            reason: what exactly was done; it is cut where the audit's column ends.
            fields: further fields of the event.
        """
        reason = reason and reason[:REASON_LENGTH]
        return AuditEvent(event=name, at=self.now, reason=reason, **actor.fields(), **fields)  # type: ignore[arg-type]

    def count_grants(self, selection: Selection) -> int:
        """How many live grants are selected, for the operator to confirm that they end.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        return count_grants(selection, self.now)

    def end_grants(self, selection: Selection, event: AuditEvent) -> int:
        """End the selected live grants, log it, and return how many ended. As `models.end_grants`.

        Raises:
            StoreUnavailable: grants that did not end yet end at the next call.
        """
        ended = end_grants(selection, event, event.at)
        if ended:
            self.tell(event.with_count(f"{ended} ended"))
        return ended

    def named_groups(self) -> Mapping[str, Sequence[str]]:
        """The groups that rules of the server, its clients and its scopes name, with the rules' places.

        A new database without tables has no clients and no scopes.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        chosen = self.settings
        server = {
            "NETID_ALLOW_MEMBERS": chosen.allow_members,
            "NETID_REFUSE_MEMBERS": chosen.refuse_members,
            "NETID_SERVICE_ACCOUNTS": chosen.service_accounts,
        }
        if not has_tables():
            return oauth.named_groups(server, [], [])
        return oauth.named_groups(server, self.clients.list(), ScopeStore().list())
