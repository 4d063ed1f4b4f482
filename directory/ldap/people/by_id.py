"""How a person is found again by their stable id.

Owns: that the user filter must still find the person, that a template must still name them, and when an empty
search is no proof. Must not know: connections, what becomes of grants.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ldap3.core.results import RESULT_SUCCESS

from directory.contract import DirectoryUnavailable, InvalidCredentials, Refusal
from directory.dn import Dn, NotADn, dn_key
from directory.ldap.config import USERNAME, LdapConfig
from directory.ldap.connections.connection import LdapConnection
from directory.ldap.people.groups import Ask
from directory.ldap.people.lookup import NO_ATTRIBUTES, SIZE_LIMIT, Lookup, sole
from directory.ldap.people.person import filter_by_id
from directory.ldap.people.user_filter import attributes_with_names, for_any_name, for_names_of
from directory.ldap.people.witness import Witness
from directory.ldap.protocol.entry import Entry, SearchResult

OUTSIDE: Final = "the entry is there, and NETID_LDAP_USER_FILTER does not find it"
ELSEWHERE: Final = "the entry is there, and NETID_LDAP_USER_DN_TEMPLATE names no entry in its place"
_ANONYMOUS: Final = (
    "with NETID_LDAP_USER_DN_TEMPLATE alone, people are seen by nobody but themselves, so that an anonymous "
    "search cannot say that a person is gone: set NETID_LDAP_BIND_DN"
)


@dataclass(slots=True)
class _Seen:
    """Whether the user filter finds the entry."""

    is_inside: bool = True


class ById:
    """Reads people again for as long as the user filter finds them by some login name."""

    def __init__(self, config: LdapConfig, user_base: str, lookup: Lookup, witness: Witness) -> None:
        """Derive from the user filter what must hold of an entry, whatever its person's name is now.

        Args:
            config: the settings.
            user_base: where people are.
            lookup: knows what to read of an entry.
            witness: proves that our account sees people.
        """
        self._profile = config.effective_profile()
        self._base = user_base
        self._lookup = lookup
        self._witness = witness
        self._may_miss = config.sees_people
        # With a template, only a filter that was set narrows who may log in.
        held = config.user_dn_template is None or config.user_filter is not None
        self._filter = self._profile.user_filter if held else None
        self._any_name = None if self._filter is None else for_any_name(self._filter)
        tries_names = self._filter is not None and self._any_name is None
        self._place = _place_of(config.user_dn_template, user_base)
        self._names = attributes_with_names(self._profile.user_filter) if tries_names else ()

    def entry(self, person_id: str, ask: Ask, *, groups: bool, refuse: Callable[[Entry], None]) -> Entry:
        """Find the entry with a stable id, on the server that `ask` leads to.

        Args:
            person_id: as `person_from` gave it.
            ask: for the searches, all of which are made on one connection.
            groups: whether the person's groups are wanted.
            refuse: raises what the entry says for certain. It comes before a refusal by the filter, which is
                weaker.

        Raises:
            InvalidCredentials: `unknown_person`, `ambiguous`, or as `refuse` has it. Who was moved out of
                the place that a template names is unknown to logins, and so here.
            DirectoryUnavailable: nothing can be said.
        """
        by_id = filter_by_id(self._profile, person_id)
        seen, why = _Seen(), ""
        entry = sole(ask(lambda link: self._look(link, by_id, seen, groups=groups)))
        if entry is not None:
            refuse(entry)
            is_in_place = self._place is None or _above(entry.dn) == self._place
            if seen.is_inside and is_in_place:
                return entry
            why = ELSEWHERE if seen.is_inside else OUTSIDE
        if not self._may_miss:
            raise DirectoryUnavailable(_ANONYMOUS, alarm=True)
        raise InvalidCredentials(Refusal.UNKNOWN_PERSON, why)

    def _look(self, link: LdapConnection, by_id: str, seen: _Seen, *, groups: bool) -> SearchResult:
        """Search by id and filter at once where that is exact; look again for the cause of a miss."""
        attributes = (*self._lookup.attributes(groups=groups), *self._names)

        def search(search_filter: str) -> SearchResult:
            return link.search(self._base, search_filter, attributes=attributes, size_limit=SIZE_LIMIT)

        seen.is_inside = True
        found = search(f"(&{by_id}{self._any_name})" if self._any_name else by_id)
        if self._any_name and found.answer.code == RESULT_SUCCESS and not found.entries:
            seen.is_inside = False
            found = search(by_id)
        if found.answer.code != RESULT_SUCCESS:
            return found
        if not found.entries and self._may_miss:
            self._witness.prove_by_id(link)
        if self._filter and not self._any_name and len(found.entries) == 1:
            return self._try_names(link, self._filter, found, seen)
        return found

    def _try_names(
        self, link: LdapConnection, user_filter: str, found: SearchResult, seen: _Seen
    ) -> SearchResult:
        """Ask whether the filter finds an entry by one of the names that it bears."""
        entry = found.entries[0]
        filled = for_names_of(user_filter, entry, self._profile.net_id_attribute)
        if filled is None:
            seen.is_inside = False
            return found
        matching = link.read(entry.dn, attributes=[NO_ATTRIBUTES], search_filter=filled)
        seen.is_inside = bool(matching.entries)
        return found if matching.answer.code == RESULT_SUCCESS else matching


def _place_of(template: str | None, user_base: str) -> Dn | None:
    """What stands above each entry that a template names; None where that says nothing of what is found.

    Where people are searched somewhere else than the template names them, the server knows them under two
    names, of which a search gives the other one.
    """
    above = "" if template is None else template.partition(",")[2]
    if template is None or USERNAME in above:
        return None
    try:
        place, base = dn_key(above), dn_key(user_base)
    except NotADn:
        return None
    return place if place[len(place) - len(base) :] == base else None


def _above(dn: str) -> Dn | None:
    try:
        return dn_key(dn)[1:]
    except NotADn:
        return None
