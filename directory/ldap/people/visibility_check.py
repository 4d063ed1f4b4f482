"""Checks that our account sees users: without that, an empty search does not prove that a user is unknown.

Owns: how visibility is checked, and how long a login relies on an earlier check. Must not know: which user
was searched for.
"""

from collections.abc import Callable
from typing import Final

from ldap3.core.results import RESULT_SIZE_LIMIT_EXCEEDED, RESULT_SUCCESS

from directory.contract import DirectoryUnavailable
from directory.ldap.config import LdapConfig
from directory.ldap.connections.connection import LdapConnection
from directory.ldap.people.user_filter import any_name_filter
from directory.ldap.protocol.entry import SearchResult
from directory.ldap.protocol.results import judge_search

# Seconds that a login relies on an earlier check. A failed check is repeated sooner: an operator may have
# corrected the access rules.
_SECONDS_VISIBLE: Final = 60.0
_SECONDS_INVISIBLE: Final = 5.0
NO_USER_VISIBLE: Final = (
    "our account sees no user at all, so it cannot tell that one user is unknown: let NETID_LDAP_BIND_DN "
    "search and read users' entries, or correct NETID_LDAP_USER_BASE"
)


class VisibilityCheck:
    """Searches any user, on the connection on which one user was not found."""

    def __init__(self, config: LdapConfig, user_base: str, monotonic: Callable[[], float]) -> None:
        """Prepare the filters. No search is made yet.

        Args:
            config: the settings.
            user_base: DN below which users are searched.
            monotonic: returns seconds since a fixed moment.
        """
        profile = config.effective_profile()
        self._base = user_base
        self._id = profile.id_attribute
        has_name = f"({profile.net_id_attribute}=*)"
        # With a template, the profile's own filter need not match any user.
        filter_applies = config.user_dn_template is None or config.user_filter is not None
        self._any_user = (any_name_filter(profile.user_filter) if filter_applies else None) or has_name
        self._any_user_with_id = f"(&({self._id}=*){has_name})"
        self._monotonic = monotonic
        self._checks: dict[str, tuple[float, bool]] = {}

    def check_by_id(self, link: LdapConnection) -> None:
        """Search any user with a stable id. The result is not cached.

        Raises:
            DirectoryUnavailable: our account sees none, or the server does not answer the search.
        """
        found = self._search(link, self._any_user_with_id)
        if not any(entry.attributes.get(self._id.lower()) for entry in found.entries):
            if found.answer.code != RESULT_SIZE_LIMIT_EXCEEDED:
                judge_search(found.answer)
            raise DirectoryUnavailable(NO_USER_VISIBLE, alarm=True)

    def check_by_name(self, link: LdapConnection) -> None:
        """Search any user whom the user filter matches. The result is cached for each server.

        A server that refuses this search, for example for want of an index, passes the check: logins must
        not depend on it.

        Raises:
            DirectoryUnavailable: our account sees none.
        """
        checked_at, is_visible = self._checks.get(link.name, (float("-inf"), True))
        now = self._monotonic()
        if now - checked_at >= (_SECONDS_VISIBLE if is_visible else _SECONDS_INVISIBLE):
            found = self._search(link, self._any_user)
            is_visible = bool(found.entries) or found.answer.code != RESULT_SUCCESS
            self._checks[link.name] = (now, is_visible)
        if not is_visible:
            raise DirectoryUnavailable(NO_USER_VISIBLE, alarm=True)

    def _search(self, link: LdapConnection, search_filter: str) -> SearchResult:
        return link.search(self._base, search_filter, attributes=[self._id], size_limit=1)
