"""Checks that the settings find users, and names the setting at fault where they find none.

Owns: telling a wrong base, kind of directory, attribute or filter from access rights that hide users. Must
not know: connections, and which user logs in.
"""

from dataclasses import dataclass
from typing import Final

from ldap3.core.results import RESULT_SIZE_LIMIT_EXCEEDED, RESULT_SUCCESS

from directory.contract import DirectoryUnavailable
from directory.dn import NotADn, dn_key
from directory.ldap.config import LdapConfig
from directory.ldap.connections.connection import NO_ATTRIBUTES
from directory.ldap.connections.session import RunQuery
from directory.ldap.kinds.profile import Profile
from directory.ldap.kinds.profiles import PROFILES
from directory.ldap.people.user_filter import any_name_filter
from directory.ldap.protocol.entry import SearchResult
from directory.ldap.protocol.results import judge_search

# Whether an entry has children, as operational attributes (X.501, section 14.4.4; 389-ds, Active Directory).
_HAS_CHILDREN: Final = "hasSubordinates"


def check_users(config: LdapConfig, base: str, run: RunQuery) -> None:
    """Check that searches of our account find users, with the login name and the stable id that are set.

    It costs one search, and a second one where a user filter applies. A fault costs up to ten.

    Args:
        config: the settings.
        base: DN below which users are searched.
        run: runs each query.

    Raises:
        DirectoryUnavailable: they find none, or the search failed. With `alarm`, the first setting that the
            text names is the one to change.
    """
    users = _Users(config, base, run)
    profile = config.effective_profile()
    if not users.show(profile.id_attribute, profile.net_id_attribute):
        raise DirectoryUnavailable(users.fault(profile), alarm=True)
    # With a template, the profile's own filter need not match any user.
    filter_applies = config.user_dn_template is None or config.user_filter is not None
    any_user = any_name_filter(profile.user_filter) if filter_applies else None
    if any_user is not None and not users.match(any_user):
        raise DirectoryUnavailable(users.fault_of_filter(profile), alarm=True)


@dataclass(frozen=True, slots=True)
class _Users:
    """What our account sees below the user base."""

    config: LdapConfig
    base: str
    run: RunQuery

    def show(self, *attributes: str) -> bool:
        """Return whether an entry shows all of these attributes."""
        found = self._search(f"(&{''.join(f'({name}=*)' for name in attributes)})", attributes)
        return any(all(entry.attributes.get(name.lower()) for name in attributes) for entry in found.entries)

    def match(self, search_filter: str) -> bool:
        """Return whether an entry matches a filter."""
        return bool(self._search(search_filter, (NO_ATTRIBUTES,)).entries)

    def fault(self, profile: Profile) -> str:
        """Return why no entry shows the login name and the stable id; the setting to change comes first."""
        below = f"below {self.base}"
        if not self._has_entries():
            return self._fault_of_empty_base()
        default = PROFILES[self.config.profile]
        shows_name = self.show(profile.net_id_attribute)
        if profile != default and self.show(default.id_attribute, default.net_id_attribute):
            setting, wrong, right = (
                ("NETID_LDAP_ID_ATTRIBUTE", profile.id_attribute, default.id_attribute)
                if shows_name
                else ("NETID_LDAP_NET_ID_ATTRIBUTE", profile.net_id_attribute, default.net_id_attribute)
            )
            return f"no user {below} shows {wrong}: correct {setting} (users show {right})"
        for name, kind in PROFILES.items():
            if name != self.config.profile and self.show(kind.id_attribute, kind.net_id_attribute):
                return (
                    f"users {below} have attributes of the kind {name}, not of {self.config.profile}: "
                    "correct NETID_LDAP_PROFILE"
                )
        if shows_name:
            return (
                f"users {below} do not show {profile.id_attribute}: let NETID_LDAP_BIND_DN read it, or "
                "correct NETID_LDAP_ID_ATTRIBUTE"
            )
        return (
            f"no entry {below} shows {profile.net_id_attribute}: correct NETID_LDAP_USER_BASE, if users are "
            "elsewhere, or let NETID_LDAP_BIND_DN read the attribute"
        )

    def fault_of_filter(self, profile: Profile) -> str:
        """Return why no user matches the user filter, although users are visible."""
        cure = "correct NETID_LDAP_USER_FILTER"
        if self.config.user_filter is None:
            cure = "correct NETID_LDAP_USER_BASE, if users are elsewhere, or NETID_LDAP_PROFILE"
        return f"entries below {self.base} have login names, but {profile.user_filter} matches none: {cure}"

    def _has_entries(self) -> bool:
        """Return whether an entry below the base is visible, apart from the base itself."""
        found = self._search("(objectClass=*)", (NO_ATTRIBUTES,), size_limit=2)
        return any(not _is_same(entry.dn, self.base) for entry in found.entries)

    def _fault_of_empty_base(self) -> str:
        found = self.run(lambda link: link.read(self.base, attributes=[_HAS_CHILDREN]))
        hides = any((entry.text(_HAS_CHILDREN) or "").upper() == "TRUE" for entry in found.entries)
        base, account = (
            "correct NETID_LDAP_USER_BASE",
            "let NETID_LDAP_BIND_DN search and read users' entries",
        )
        if hides:
            return f"our account sees no user: {account} (there are entries below {self.base})"
        return f"our account sees no entry below {self.base}: {base}, or {account}"

    def _search(
        self, search_filter: str, attributes: tuple[str, ...], *, size_limit: int = 1
    ) -> SearchResult:
        found = self.run(
            lambda link: link.search(self.base, search_filter, attributes=attributes, size_limit=size_limit)
        )
        if found.answer.code not in {RESULT_SUCCESS, RESULT_SIZE_LIMIT_EXCEEDED}:
            judge_search(found.answer)
        return found


def _is_same(dn: str, other: str) -> bool:
    try:
        return dn_key(dn) == dn_key(other)
    except NotADn:
        return dn.casefold() == other.casefold()
