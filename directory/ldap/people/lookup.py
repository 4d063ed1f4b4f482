"""How a person's entry is found: by a search, or at the DN that a template names.

Owns: what is asked for, and that exactly one entry is an answer. Must not know: connections, passwords.
"""

from typing import Final

from ldap3.core.results import (
    RESULT_INSUFFICIENT_ACCESS_RIGHTS,
    RESULT_INVALID_DN_SYNTAX,
    RESULT_NO_SUCH_OBJECT,
    RESULT_SUCCESS,
)

from directory.contract import InvalidCredentials, Refusal
from directory.ldap.config import USERNAME, LdapConfig
from directory.ldap.connections.connection import LdapConnection
from directory.ldap.kinds.profiles import Profile
from directory.ldap.people.groups import Ask, GroupRules
from directory.ldap.people.normalization import for_dn
from directory.ldap.people.person import attributes_to_read, filter_by_names
from directory.ldap.people.witness import Witness
from directory.ldap.protocol.entry import Entry, SearchResult
from directory.ldap.protocol.results import judge_group_search, judge_search

# One more than may be found, so that two are told from one.
SIZE_LIMIT: Final = 2
NO_ATTRIBUTES: Final = "1.1"  # RFC 4511, section 4.5.1.8
_SEEN_OR_HIDDEN: Final = frozenset(
    {RESULT_SUCCESS, RESULT_NO_SUCH_OBJECT, RESULT_INSUFFICIENT_ACCESS_RIGHTS, RESULT_INVALID_DN_SYNTAX}
)


class Lookup:
    """Finds entries, read with all that a login looks at."""

    def __init__(self, config: LdapConfig, user_base: str, witness: Witness) -> None:
        self.profile: Profile = config.effective_profile()
        self.groups = GroupRules(self.profile, config.group_base, config.group_filter)
        self._user_base = user_base
        self._template = config.user_dn_template
        self._filter_is_set = config.user_filter is not None
        # Otherwise people read their own entries, which proves nothing about others.
        self._reads_as_us = config.bind_dn is not None
        self._witness = witness
        self._usual = tuple(attributes_to_read(self.profile))
        self._with_groups = tuple(attributes_to_read(self.profile, also=self.groups.attributes))

    def search(self, search_filter: str, ask: Ask, *, groups: bool) -> Entry:
        """Search the one entry that a filter finds.

        Raises:
            InvalidCredentials: it finds none or several: `unknown_person`, `ambiguous`.
            DirectoryUnavailable: nothing can be said.
        """
        attributes = self.attributes(groups=groups)

        def look(link: LdapConnection) -> SearchResult:
            found = link.search(self._user_base, search_filter, attributes=attributes, size_limit=SIZE_LIMIT)
            if not found.entries and found.answer.code == RESULT_SUCCESS:
                self._witness.prove_by_name(link)
            return found

        entry = sole(ask(look))
        if entry is None:
            raise InvalidCredentials(Refusal.UNKNOWN_PERSON)
        return entry

    def dn_of(self, names: tuple[str, ...]) -> str | None:
        """The DN that the template names for a person, or None without a template."""
        return None if self._template is None else self._template.replace(USERNAME, for_dn(names[0]))

    def of(self, names: tuple[str, ...], ask: Ask, *, groups: bool) -> Entry:
        """Find the entry of a person by a search, or read it where the template names it.

        Args:
            names: any of those that they may have meant; the template takes the first.
            ask: for the searches that it takes.
            groups: whether the person's groups are wanted.

        Raises:
            Unseen: the template names no entry, or one that is hidden from us.
            InvalidCredentials: nobody is found, or several are: `unknown_person`, `ambiguous`.
            DirectoryUnavailable: nothing can be said.
        """
        dn = self.dn_of(names)
        if dn is None:
            return self.search(filter_by_names(self.profile, names), ask, groups=groups)
        return self._read(dn, names, ask, groups=groups)

    def _read(self, dn: str, names: tuple[str, ...], ask: Ask, *, groups: bool) -> Entry:
        """Read the entry that the template names. Whom a filter that was set does not find is nobody."""
        attributes = self.attributes(groups=groups)

        def look(link: LdapConnection) -> SearchResult:
            found = link.read(dn, attributes=attributes)
            if self._reads_as_us and not found.entries and found.answer.code in _SEEN_OR_HIDDEN:
                self._witness.prove_by_name(link)
            return found

        found = ask(look)
        if found.answer.code not in _SEEN_OR_HIDDEN:
            judge_search(found.answer)
        if len(found.entries) != 1:
            raise EntryHidden(found.answer.code)
        if self._filter_is_set:
            wanted = filter_by_names(self.profile, names)
            matching = ask(lambda link: link.read(dn, attributes=[NO_ATTRIBUTES], search_filter=wanted))
            judge_search(matching.answer)
            if not matching.entries:
                raise InvalidCredentials(Refusal.UNKNOWN_PERSON, "the filter does not find the entry")
        return found.entries[0]

    def spelling(self, dn: str, ask: Ask) -> str | None:
        """Tell how the directory writes the DN of an entry; None where there is none to be seen.

        Raises:
            DirectoryUnavailable: nothing can be said.
        """
        found = ask(lambda link: link.read(dn, attributes=[NO_ATTRIBUTES]))
        if found.answer.code not in _SEEN_OR_HIDDEN:
            judge_group_search(found.answer)
        return found.entries[0].dn if found.entries else None

    def attributes(self, *, groups: bool) -> tuple[str, ...]:
        """Name the attributes that are read of a person, those that tell their groups only where wanted."""
        return self._with_groups if groups else self._usual


def sole(found: SearchResult) -> Entry | None:
    """Take the one entry that was found; None if there is none.

    Raises:
        InvalidCredentials: there are several: `ambiguous`.
        DirectoryUnavailable: nothing can be said.
    """
    judge_search(found.answer)
    if len(found.entries) > 1:
        raise InvalidCredentials(Refusal.AMBIGUOUS, f"{len(found.entries)} entries or more")
    return found.entries[0] if found.entries else None


class EntryHidden(InvalidCredentials):
    """The entry that a template names is not to be seen. Whether it exists is another question."""

    def __init__(self, code: int) -> None:
        # Its DN is not told: the name in it is as somebody typed it.
        super().__init__(
            Refusal.UNKNOWN_PERSON,
            f"the entry that the template names is not there, or hidden from us (result {code})",
        )
        self.code = code
