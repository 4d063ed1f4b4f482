"""Which groups a person is in.

Owns: the ways to learn it (the entry's own attribute, a search for groups, Active Directory's token), nested
groups, and where they end. Must not know: connections, people's passwords.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from directory.contract import DirectoryUnavailable
from directory.dn import Dn, NotADn, strict_dn_key
from directory.ldap.config import GROUP_DN, USERNAME
from directory.ldap.connections.connection import LdapConnection
from directory.ldap.kinds.lockout_policy import domain_of
from directory.ldap.kinds.profiles import Profile
from directory.ldap.people.normalization import for_filter
from directory.ldap.protocol.entry import Entry, SearchResult
from directory.ldap.protocol.results import judge_group_search

# Puts a question to the directory, on whatever connection there is for it.
Ask = Callable[[Callable[[LdapConnection], SearchResult]], SearchResult]

# Groups in groups in groups: no campus nests deeper, and a directory must not be searched without end.
_MOST_LEVELS: Final = 10
# Fewer than Active Directory returns in one answer (MaxPageSize, 1,000), and a filter of bearable length.
_MOST_AT_ONCE: Final = 200
_NO_ATTRIBUTES: Final = "1.1"  # RFC 4511, section 4.5.1.8
_NO_LIMIT: Final = 0
# Its search has followed every level already (MS-ADTS, section 3.1.1.3.4.4.3).
_IN_CHAIN: Final = "1.2.840.113556.1.4.1941"
_UNREAD: Final = "our account may not read tokenGroups, so that no groups are known (NETID_LDAP_BIND_DN)"


@dataclass(frozen=True, slots=True)
class GroupRules:
    """How groups are found. `base` is where they are; None for the domain that the person's DN ends in."""

    profile: Profile
    base: str | None
    search_filter: str | None

    @property
    def attributes(self) -> tuple[str, ...]:
        """What must be read of a person's entry to know their groups."""
        by_entry = self.search_filter is None and not self.profile.token_groups
        return (self.profile.group_attribute,) if by_entry else ()

    def of(self, entry: Entry, net_id: str, ask: Ask) -> tuple[str, ...]:
        """Name the groups of a person by their DNs.

        Args:
            entry: of the person, read with `attributes`.
            net_id: of the person, as stored.
            ask: for the searches that it takes.

        Raises:
            DirectoryUnavailable: not all of them can be had.
        """
        if self.search_filter is not None:
            return tuple(self._by_search(self.search_filter, entry, net_id, ask))
        if self.profile.token_groups:
            return tuple(self._by_token(entry, ask))
        # Octets that are no text stay, in a form that is no DN: a rule that refuses must not pass over them.
        values = entry.attributes.get(self.profile.group_attribute.lower(), ())
        return tuple(value.decode(errors="backslashreplace") for value in values)

    def prove(self, net_id: str, ask: Ask) -> None:
        """Search for groups as of a person, where there is none to search for.

        A failing search must not tell a login name that exists from one that does not.

        Args:
            net_id: as typed.
            ask: for the search.

        Raises:
            DirectoryUnavailable: no person's groups can be had.
        """
        if self.search_filter is not None:
            self._search([_filled(self.search_filter, self.base or "", net_id)], ask)
        elif self.profile.token_groups and self.base is not None:
            self._search([f"({self.profile.net_id_attribute}={for_filter(net_id)})"], ask)

    def _by_search(self, template: str, entry: Entry, net_id: str, ask: Ask) -> Iterator[str]:
        """Search the groups of the person, then those that these are members of, a query a level."""
        nests = GROUP_DN in template and _IN_CHAIN not in template
        seen = {_same(entry.dn)}
        members = [entry.dn]
        for _ in range(_MOST_LEVELS if nests else 1):
            parents = self._search([_filled(template, dn, net_id) for dn in members], ask)
            members = [dn for dn in parents if _same(dn) not in seen]
            if not members:
                return
            # A group that is a member of itself, by whatever way round, is not asked about again.
            seen.update(map(_same, members))
            yield from members

    def _by_token(self, entry: Entry, ask: Ask) -> list[str]:
        """Read what Active Directory would put into the person's token (MS-ADTS, section 3.1.1.4.5.19)."""
        found = ask(lambda link: link.read(entry.dn, attributes=["tokenGroups"]))
        judge_group_search(found.answer)
        identifiers = [sid for read in found.entries for sid in read.attributes.get("tokengroups", ())]
        if not identifiers:
            # Everybody has a primary group (MS-SAMR, section 3.1.1.8.2), which stands in the token too.
            raise DirectoryUnavailable(_UNREAD, alarm=True)
        return self._search(
            [f"(objectSid={for_filter(sid)})" for sid in identifiers], ask, base=domain_of(entry.dn)
        )

    def _search(self, filters: Sequence[str], ask: Ask, *, base: str = "") -> list[str]:
        """Search the groups that match one filter or another, each once."""
        where = self.base or base
        dns: dict[Dn | str, str] = {}
        for first in range(0, len(filters), _MOST_AT_ONCE):
            either = f"(|{''.join(filters[first : first + _MOST_AT_ONCE])})"
            found = ask(_search_for(where, either))
            judge_group_search(found.answer)
            dns.update((_same(each.dn), each.dn) for each in found.entries)
        return list(dns.values())


def _same(dn: str) -> Dn | str:
    """What is equal for spellings of one DN alone; one that cannot be read is compared as text.

    A group that only looks like another one must hide neither it nor the groups that it is in.
    """
    try:
        return strict_dn_key(dn)
    except NotADn:
        return dn.casefold()


def _search_for(base: str, search_filter: str) -> Callable[[LdapConnection], SearchResult]:
    return lambda link: link.search(base, search_filter, attributes=[_NO_ATTRIBUTES], size_limit=_NO_LIMIT)


def _filled(template: str, dn: str, net_id: str) -> str:
    # What is put in holds no braces: they are escaped.
    return template.replace(GROUP_DN, for_filter(dn)).replace(USERNAME, for_filter(net_id))
