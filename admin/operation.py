"""What every use case works on, and how it refuses."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from directory import Directory
from directory.ldap import LdapConfig
from login import Limits, Names
from models import ClientStore, GrantStore, PersistentSecrets, ScopeStore, Selection, end_grants
from oauth import SigningKeys, StrictClientAuthentication, named_groups
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The stores, the directory, the clock and the settings of one application."""

    clients: ClientStore
    client_auth: StrictClientAuthentication
    grants: GrantStore
    directory: Directory
    ring: KeyRing
    signing_keys: SigningKeys
    persistent_secrets: PersistentSecrets
    clock: Callable[[], float]
    settings: Settings
    ldap_config: LdapConfig
    audit_names: Names
    login_names: Names
    limits: Limits
    tell: Callable[[AuditEvent], None]
    """Logs the event of a change that an operator made, once it is stored."""

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

        Raises:
            StoreUnavailable: the database did not answer.
        """
        chosen = self.settings
        server = {"NETID_ALLOW_MEMBERS": chosen.allow_members, "NETID_REFUSE_MEMBERS": chosen.refuse_members}
        return named_groups(server, self.clients.list(), ScopeStore().list())
