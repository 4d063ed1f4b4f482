"""What the commands work on, as the composition root made it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from flask import current_app

from directory import Directory
from directory.ldap import LdapConfig
from login import Limits, Names
from models import ClientStore, GrantStore, PersistentSecrets, ScopeStore
from oauth import SigningKeys, named_groups
from settings import Settings
from settings.keyring import KeyRing


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The stores, the directory, the clock and the settings of one application."""

    NAME: ClassVar[str] = "netid-oauth"

    clients: ClientStore
    grants: GrantStore
    directory: Directory
    ring: KeyRing
    keys: SigningKeys
    kept: PersistentSecrets
    clock: Callable[[], float]
    settings: Settings
    ldap: LdapConfig
    audit_names: Names
    login_names: Names
    limits: Limits

    def named_groups(self) -> Mapping[str, Sequence[str]]:
        """The groups that rules of the server, of clients and of scopes name, with the places of the rules.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        chosen = self.settings
        server = {"NETID_ALLOW_MEMBERS": chosen.allow_members, "NETID_REFUSE_MEMBERS": chosen.refuse_members}
        return named_groups(server, self.clients.list(), ScopeStore().list())


def services() -> Services:
    """The services of the application that runs the command."""
    found: Services = current_app.extensions[Services.NAME]
    return found
