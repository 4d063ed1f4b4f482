"""Finds the groups of a user.

Owns: the sources of groups (the entry's own attribute, a search for groups, Active Directory's token), nested
groups, and the limits of nesting. Must not know: sockets, passwords.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from directory.contract import DirectoryUnavailable
from directory.dn import Dn, NotADn, strict_dn_key
from directory.ldap.config import GROUP_DN, USERNAME
from directory.ldap.connections.connection import NO_ATTRIBUTES
from directory.ldap.connections.session import Query, RunQuery
from directory.ldap.kinds.active_directory import domain_of
from directory.ldap.kinds.profile import Profile
from directory.ldap.people.user_filter import escape_for_filter
from directory.ldap.protocol.entry import Entry
from directory.ldap.protocol.results import judge_group_search

# Nesting is bounded, so that the searches of one request end. No campus is known to nest deeper.
_MAX_LEVELS: Final = 10
# Below the 1,000 entries of one answer of Active Directory (MaxPageSize), and the filter stays short.
_MAX_FILTERS_PER_SEARCH: Final = 200
_NO_SIZE_LIMIT: Final = 0
# The matching rule that follows all levels of membership in one search (MS-ADTS, section 3.1.1.3.4.4.3).
_IN_CHAIN: Final = "1.2.840.113556.1.4.1941"
_TOKEN_UNREADABLE: Final = "our account may not read tokenGroups, so no groups are known (NETID_LDAP_BIND_DN)"  # noqa: S105 - a sentence


@dataclass(frozen=True, slots=True)
class GroupLookup:
    """Finds groups below `base`; None stands for the domain that the user's DN ends in."""

    profile: Profile
    base: str | None
    search_filter: str | None

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes of a user's entry that hold groups; none where groups are searched."""
        in_entry = self.search_filter is None and not self.profile.token_groups
        return (self.profile.group_attribute,) if in_entry else ()

    def groups_of(self, entry: Entry, net_id: str, run: RunQuery) -> tuple[str, ...]:
        """Return the DNs of a user's groups.

        Args:
            entry: the user's entry, read with `attributes`.
            net_id: the user's login name as stored.
            run: runs each query.

        Raises:
            DirectoryUnavailable: a search failed, so the list would be incomplete.
        """
        if self.search_filter is not None:
            return tuple(self._search_levels(self.search_filter, entry, net_id, run))
        if self.profile.token_groups:
            return tuple(self._read_token(entry, run))
        # A value that is not UTF-8 stays, in a form that is no DN: a rule that refuses must not overlook it.
        values = entry.attributes.get(self.profile.group_attribute.lower(), ())
        return tuple(value.decode(errors="backslashreplace") for value in values)

    def probe(self, net_id: str, run: RunQuery) -> None:
        """Make one group search for a login name that has no entry.

        A failing group search then fails for unknown names too, so it does not reveal which names exist.

        Args:
            net_id: the login name as typed.
            run: runs the query.

        Raises:
            DirectoryUnavailable: the search failed.
        """
        if self.search_filter is not None:
            self._search([_filled(self.search_filter, self.base or "", net_id)], run)
        elif self.profile.token_groups and self.base is not None:
            self._search([f"({self.profile.net_id_attribute}={escape_for_filter(net_id)})"], run)

    def _search_levels(self, template: str, entry: Entry, net_id: str, run: RunQuery) -> Iterator[str]:
        """Search the user's groups, then the groups of these groups: one search for each level."""
        is_nested = GROUP_DN in template and _IN_CHAIN not in template
        seen = {_comparable(entry.dn)}
        members = [entry.dn]
        for _ in range(_MAX_LEVELS if is_nested else 1):
            parents = self._search([_filled(template, dn, net_id) for dn in members], run)
            members = [dn for dn in parents if _comparable(dn) not in seen]
            if not members:
                return
            # Groups may be members of each other: no group is searched twice.
            seen.update(map(_comparable, members))
            yield from members

    def _read_token(self, entry: Entry, run: RunQuery) -> list[str]:
        """Read the identifiers that Active Directory puts in a user's token (MS-ADTS, 3.1.1.4.5.19)."""
        found = run(lambda link: link.read(entry.dn, attributes=["tokenGroups"]))
        judge_group_search(found.answer)
        identifiers = [sid for each in found.entries for sid in each.attributes.get("tokengroups", ())]
        if not identifiers:
            # Every user has a primary group (MS-SAMR, section 3.1.1.8.2), and the token contains it.
            raise DirectoryUnavailable(_TOKEN_UNREADABLE, alarm=True)
        return self._search(
            [f"(objectSid={escape_for_filter(sid)})" for sid in identifiers], run, base=domain_of(entry.dn)
        )

    def _search(self, filters: Sequence[str], run: RunQuery, *, base: str = "") -> list[str]:
        """Search the groups that match at least one of the filters; each group is returned once."""
        dns: dict[Dn | str, str] = {}
        for first in range(0, len(filters), _MAX_FILTERS_PER_SEARCH):
            any_of = f"(|{''.join(filters[first : first + _MAX_FILTERS_PER_SEARCH])})"
            found = run(_group_query(self.base or base, any_of))
            judge_group_search(found.answer)
            dns.update((_comparable(each.dn), each.dn) for each in found.entries)
        return list(dns.values())


def _comparable(dn: str) -> Dn | str:
    """Return a key that only spellings of the same DN share. A DN that cannot be parsed is its own key.

    The comparison is strict: a group that only looks like another group must not hide that group.
    """
    try:
        return strict_dn_key(dn)
    except NotADn:
        return dn.casefold()


def _group_query(base: str, search_filter: str) -> Query:
    return lambda link: link.search(
        base, search_filter, attributes=[NO_ATTRIBUTES], size_limit=_NO_SIZE_LIMIT
    )


def _filled(template: str, dn: str, net_id: str) -> str:
    # Escaped values contain no braces, so the second replacement cannot touch the first value.
    return template.replace(GROUP_DN, escape_for_filter(dn)).replace(USERNAME, escape_for_filter(net_id))
