"""Proof that our account sees people: without it, an empty search says nothing about a person.

Owns: how the proof is had, and how long it holds at logins. Must not know: who was searched for.
"""

from collections.abc import Callable
from typing import Final

from ldap3.core.results import RESULT_SIZE_LIMIT_EXCEEDED, RESULT_SUCCESS

from directory.contract import DirectoryUnavailable
from directory.ldap.config import LdapConfig
from directory.ldap.connections.connection import LdapConnection
from directory.ldap.people.user_filter import for_any_name
from directory.ldap.protocol.entry import SearchResult
from directory.ldap.protocol.results import judge_search

# Seconds that a login relies on an earlier look. A blind account is looked at again sooner: it may be mended.
_SECONDS_SEEING: Final = 60.0
_SECONDS_BLIND: Final = 5.0
BLIND: Final = (
    "our account finds no person at all, so that it cannot say of one that they are unknown: let "
    "NETID_LDAP_BIND_DN search and read people's entries (or is it NETID_LDAP_USER_BASE?)"
)


class Witness:
    """Looks for any person, on the same connection on which one was not found."""

    def __init__(self, config: LdapConfig, user_base: str, monotonic: Callable[[], float]) -> None:
        """Look at nothing yet.

        Args:
            config: the settings.
            user_base: where people are.
            monotonic: seconds since any moment.
        """
        profile = config.effective_profile()
        self._base = user_base
        self._id = profile.id_attribute
        named = f"({profile.net_id_attribute}=*)"
        # With a template, nobody has to match the filter of the profile.
        filtered = config.user_dn_template is None or config.user_filter is not None
        self._anybody = (for_any_name(profile.user_filter) if filtered else None) or named
        self._anybody_by_id = f"(&({self._id}=*){named})"
        self._monotonic = monotonic
        self._looks: dict[str, tuple[float, bool]] = {}

    def prove_by_id(self, link: LdapConnection) -> None:
        """Prove that people are found by their stable id, now.

        Raises:
            DirectoryUnavailable: nobody is, or the server does not say.
        """
        found = self._look(link, self._anybody_by_id)
        if not any(entry.attributes.get(self._id.lower()) for entry in found.entries):
            if found.answer.code != RESULT_SIZE_LIMIT_EXCEEDED:
                judge_search(found.answer)
            raise DirectoryUnavailable(BLIND, alarm=True)

    def prove_by_name(self, link: LdapConnection) -> None:
        """Prove that people are found by the user filter, of late.

        A server that does not answer the question, as some do where an index is missing, is not called blind:
        logins must not depend on it.

        Raises:
            DirectoryUnavailable: nobody is.
        """
        at, sees = self._looks.get(link.name, (float("-inf"), True))
        now = self._monotonic()
        if now - at >= (_SECONDS_SEEING if sees else _SECONDS_BLIND):
            found = self._look(link, self._anybody)
            sees = bool(found.entries) or found.answer.code != RESULT_SUCCESS
            self._looks[link.name] = (now, sees)
        if not sees:
            raise DirectoryUnavailable(BLIND, alarm=True)

    def _look(self, link: LdapConnection, search_filter: str) -> SearchResult:
        return link.search(self._base, search_filter, attributes=[self._id], size_limit=1)
