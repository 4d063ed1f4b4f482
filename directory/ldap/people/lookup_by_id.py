"""Finds a user's entry by stable id, when a refresh token is used.

Owns: that the user filter must still match the entry, that a DN template must still name it, and when an
empty search proves that a user is gone. Must not know: sockets, grants.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ldap3.core.results import RESULT_SUCCESS

from directory.contract import DirectoryUnavailable, InvalidCredentials, Refusal
from directory.dn import Dn, NotADn, dn_key
from directory.ldap.config import USERNAME, LdapConfig
from directory.ldap.connections.connection import NO_ATTRIBUTES, LdapConnection
from directory.ldap.connections.session import RunQuery
from directory.ldap.people.lookup import SIZE_LIMIT, Lookup, single_entry
from directory.ldap.people.user_filter import (
    any_name_filter,
    filter_by_id,
    filter_with_names_of,
    name_attributes,
)
from directory.ldap.people.visibility_check import VisibilityCheck
from directory.ldap.protocol.entry import Entry, SearchResult

OUTSIDE_FILTER: Final = "the entry exists, but NETID_LDAP_USER_FILTER does not match it"
OUTSIDE_TEMPLATE: Final = "the entry exists, but NETID_LDAP_USER_DN_TEMPLATE names no entry at its place"
_NO_SERVICE_ACCOUNT: Final = (
    "with NETID_LDAP_USER_DN_TEMPLATE alone, users can read only their own entries, so an anonymous search "
    "cannot prove that a user is gone: set NETID_LDAP_BIND_DN"
)


@dataclass(slots=True)
class _FilterMatch:
    """Whether the user filter matches the entry that was found by id."""

    matches: bool = True


class LookupById:
    """Finds entries by stable id, if some login name still leads to them."""

    def __init__(
        self, config: LdapConfig, user_base: str, lookup: Lookup, visibility: VisibilityCheck
    ) -> None:
        """Derive from the user filter what an entry must match, whatever the user's login name is now.

        Args:
            config: the settings.
            user_base: DN below which users are searched.
            lookup: names the attributes to read.
            visibility: checks that our account sees users.
        """
        self._profile = config.effective_profile()
        self._base = user_base
        self._lookup = lookup
        self._visibility = visibility
        self._empty_search_is_proof = config.sees_people
        # With a template, the profile's own filter does not limit who may log in.
        filter_applies = config.user_dn_template is None or config.user_filter is not None
        self._filter = self._profile.user_filter if filter_applies else None
        self._any_name = None if self._filter is None else any_name_filter(self._filter)
        tries_names = self._filter is not None and self._any_name is None
        self._template_parent = _template_parent(config.user_dn_template, user_base)
        self._name_attributes = name_attributes(self._profile.user_filter) if tries_names else ()

    def find(self, person_id: str, run: RunQuery, *, groups: bool, refuse: Callable[[Entry], None]) -> Entry:
        """Find the entry with a stable id.

        Args:
            person_id: the id, as `person_from` returned it.
            run: runs the query. All searches of the query use one connection.
            groups: whether to read the attribute that holds the user's groups.
            refuse: raises a refusal that the entry itself states. It takes precedence over a refusal by the
                filter, which is less certain.

        Raises:
            InvalidCredentials: `unknown_person`, `ambiguous`, or a refusal of `refuse`. An entry that no
                longer has the template's parent is unknown too, since no login name leads to it.
            DirectoryUnavailable: the directory gives no usable answer.
        """
        id_filter = filter_by_id(self._profile, person_id)
        match, detail = _FilterMatch(), ""
        entry = single_entry(run(lambda link: self._query(link, id_filter, match, groups=groups)))
        if entry is not None:
            refuse(entry)
            is_in_place = self._template_parent is None or _parent(entry.dn) == self._template_parent
            if match.matches and is_in_place:
                return entry
            detail = OUTSIDE_TEMPLATE if match.matches else OUTSIDE_FILTER
        if not self._empty_search_is_proof:
            raise DirectoryUnavailable(_NO_SERVICE_ACCOUNT, alarm=True)
        raise InvalidCredentials(Refusal.UNKNOWN_PERSON, detail)

    def _query(
        self, link: LdapConnection, id_filter: str, match: _FilterMatch, *, groups: bool
    ) -> SearchResult:
        """Search by id and filter in one search where that is exact; after a miss, search by id alone."""
        attributes = (*self._lookup.attributes(groups=groups), *self._name_attributes)

        def search(search_filter: str) -> SearchResult:
            return link.search(self._base, search_filter, attributes=attributes, size_limit=SIZE_LIMIT)

        match.matches = True
        found = search(f"(&{id_filter}{self._any_name})" if self._any_name else id_filter)
        if self._any_name and found.answer.code == RESULT_SUCCESS and not found.entries:
            match.matches = False
            found = search(id_filter)
        if found.answer.code != RESULT_SUCCESS:
            return found
        if not found.entries and self._empty_search_is_proof:
            self._visibility.check_by_id(link)
        if self._filter and not self._any_name and len(found.entries) == 1:
            return self._match_names(link, self._filter, found, match)
        return found

    def _match_names(
        self, link: LdapConnection, user_filter: str, found: SearchResult, match: _FilterMatch
    ) -> SearchResult:
        """Ask the server whether the filter matches the entry with one of the entry's own names."""
        entry = found.entries[0]
        filled = filter_with_names_of(user_filter, entry, self._profile.net_id_attribute)
        if filled is None:
            match.matches = False
            return found
        matching = link.read(entry.dn, attributes=[NO_ATTRIBUTES], search_filter=filled)
        match.matches = bool(matching.entries)
        return found if matching.answer.code == RESULT_SUCCESS else matching


def _template_parent(template: str | None, user_base: str) -> Dn | None:
    """Return the parent of all entries that the template names, or None if entries cannot be checked by it.

    If the user base does not contain that parent, the server shows users at two places. A search then returns
    the other DN, which says nothing about the template.
    """
    parent = "" if template is None else template.partition(",")[2]
    if template is None or USERNAME in parent:
        return None
    try:
        parent_key, base_key = dn_key(parent), dn_key(user_base)
    except NotADn:
        return None
    return parent_key if parent_key[len(parent_key) - len(base_key) :] == base_key else None


def _parent(dn: str) -> Dn | None:
    try:
        return dn_key(dn)[1:]
    except NotADn:
        return None
