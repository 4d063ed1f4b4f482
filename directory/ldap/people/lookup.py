"""Finds a user's entry by login name: with a search, or at the DN that a template names.

Owns: which searches a login name makes, that exactly one entry must match, and that a second server is asked
before a user is unknown. Must not know: sockets, passwords.
"""

from collections.abc import Callable
from typing import Final

from ldap3.core.results import (
    RESULT_INSUFFICIENT_ACCESS_RIGHTS,
    RESULT_INVALID_DN_SYNTAX,
    RESULT_NO_SUCH_OBJECT,
    RESULT_SUCCESS,
)

from directory.contract import DirectoryUnavailable, InvalidCredentials, Refusal
from directory.dn import escape_for_dn
from directory.ldap.config import USERNAME, LdapConfig
from directory.ldap.connections.connection import NO_ATTRIBUTES, LdapConnection
from directory.ldap.connections.session import LdapSession, RunQuery
from directory.ldap.kinds.profile import Profile
from directory.ldap.people.groups import GroupLookup
from directory.ldap.people.person import EntryHidden, attributes_to_read
from directory.ldap.people.user_filter import filter_by_names
from directory.ldap.people.visibility_check import VisibilityCheck
from directory.ldap.protocol.entry import Entry, SearchResult
from directory.ldap.protocol.results import BaseMissing, judge_group_search, judge_search

SIZE_LIMIT: Final = 2
"""Entries that a search for one user asks for: one more than may match, so that a second one is noticed."""
_READ_OR_HIDDEN: Final = frozenset(
    {RESULT_SUCCESS, RESULT_NO_SUCH_OBJECT, RESULT_INSUFFICIENT_ACCESS_RIGHTS, RESULT_INVALID_DN_SYNTAX}
)


class Lookup:
    """Finds entries by login name, and reads all attributes that a login needs."""

    def __init__(self, config: LdapConfig, user_base: str, visibility: VisibilityCheck) -> None:
        self.profile: Profile = config.effective_profile()
        self.groups = GroupLookup(self.profile, config.group_base, config.group_filter)
        self._user_base = user_base
        self._template = config.user_dn_template
        self._filter_is_set = config.user_filter is not None
        # Without a service account users read their own entries, which proves nothing about other entries.
        self._has_service_account = config.bind_dn is not None
        self._visibility = visibility
        self._attributes = tuple(attributes_to_read(self.profile))
        self._attributes_with_groups = tuple(attributes_to_read(self.profile, also=self.groups.attributes))

    def find(self, names: tuple[str, ...], run: RunQuery, *, groups: bool) -> Entry:
        """Search the user's entry, or read it at the DN that the template names.

        Args:
            names: what the login name may stand for, from `candidate_names`; the template takes the first.
            run: runs each query.
            groups: whether to read the attribute that holds the user's groups.

        Raises:
            EntryHidden: the template names no entry, or an entry that our account may not read.
            InvalidCredentials: no entry matches, or several do: `unknown_person`, `ambiguous`.
            DirectoryUnavailable: the directory gives no usable answer.
        """
        dn = self.dn_by_template(names)
        if dn is None:
            return self._search(filter_by_names(self.profile, names), run, groups=groups)
        return self._read(dn, names, run, groups=groups)

    def dn_by_template(self, names: tuple[str, ...]) -> str | None:
        """Return the DN that the template names for a user, or None without a template."""
        return None if self._template is None else self._template.replace(USERNAME, escape_for_dn(names[0]))

    def spelling(self, dn: str, run: RunQuery) -> str | None:
        """Return an entry's DN as the directory writes it, or None if our account sees no such entry.

        Raises:
            DirectoryUnavailable: the directory gives no usable answer.
        """
        found = run(lambda link: link.read(dn, attributes=[NO_ATTRIBUTES]))
        if found.answer.code not in _READ_OR_HIDDEN:
            judge_group_search(found.answer)
        return found.entries[0].dn if found.entries else None

    def attributes(self, *, groups: bool) -> tuple[str, ...]:
        """Name the attributes to read of a user's entry; those that hold groups only if `groups` is set."""
        return self._attributes_with_groups if groups else self._attributes

    def _search(self, search_filter: str, run: RunQuery, *, groups: bool) -> Entry:
        attributes = self.attributes(groups=groups)

        def query(link: LdapConnection) -> SearchResult:
            found = link.search(self._user_base, search_filter, attributes=attributes, size_limit=SIZE_LIMIT)
            if not found.entries and found.answer.code == RESULT_SUCCESS:
                self._visibility.check_by_name(link)
            return found

        entry = single_entry(run(query))
        if entry is None:
            raise InvalidCredentials(Refusal.UNKNOWN_PERSON)
        return entry

    def _read(self, dn: str, names: tuple[str, ...], run: RunQuery, *, groups: bool) -> Entry:
        """Read the entry that the template names. A user filter that was set must match it too."""
        attributes = self.attributes(groups=groups)

        def query(link: LdapConnection) -> SearchResult:
            found = link.read(dn, attributes=attributes)
            if self._has_service_account and not found.entries and found.answer.code in _READ_OR_HIDDEN:
                self._visibility.check_by_name(link)
            return found

        found = run(query)
        if found.answer.code not in _READ_OR_HIDDEN:
            judge_search(found.answer)
        if len(found.entries) != 1:
            raise EntryHidden(found.answer.code)
        if self._filter_is_set:
            user_filter = filter_by_names(self.profile, names)
            matching = run(lambda link: link.read(dn, attributes=[NO_ATTRIBUTES], search_filter=user_filter))
            judge_search(matching.answer)
            if not matching.entries:
                raise InvalidCredentials(Refusal.UNKNOWN_PERSON, "the user filter does not match the entry")
        return found.entries[0]


def single_entry(found: SearchResult) -> Entry | None:
    """Return the one entry of a search, or None if the search found none.

    Raises:
        InvalidCredentials: the search found several: `ambiguous`.
        DirectoryUnavailable: the search failed.
    """
    judge_search(found.answer)
    if len(found.entries) > 1:
        raise InvalidCredentials(Refusal.AMBIGUOUS, f"{len(found.entries)} entries or more")
    return found.entries[0] if found.entries else None


def find_on_any_server(find: Callable[[RunQuery], Entry], session: LdapSession) -> Entry:
    """Find an entry on the session's server, then on a second one: a replica may lag or be half loaded.

    Logins and refreshes use it.

    Args:
        find: finds the one entry with the queries that it runs.
        session: the session of the request.

    Raises:
        InvalidCredentials: as `find` raises it. `unknown_person` names the servers that do not know the user:
            only the first one if no second server could be asked.
        DirectoryUnavailable: no server gives a usable answer.
    """
    first: InvalidCredentials | DirectoryUnavailable
    try:
        return find(session.ask)
    except InvalidCredentials as refusal:
        first = _name_server_if_unknown(refusal, session)
    except BaseMissing as missing:
        first = missing
    try:
        return find(session.elsewhere())
    except DirectoryUnavailable:
        raise first from None
    except InvalidCredentials as refusal:
        second = _name_server_if_unknown(refusal, session)
    if isinstance(first, InvalidCredentials):
        second.servers = first.servers + second.servers
        second.detail = second.detail or first.detail
    raise second


def _name_server_if_unknown(refusal: InvalidCredentials, session: LdapSession) -> InvalidCredentials:
    """Add the server that does not know the user. Raises every other refusal, since those are final."""
    if refusal.reason is not Refusal.UNKNOWN_PERSON:
        raise refusal
    refusal.servers = () if session.last_good_server is None else (session.last_good_server,)
    return refusal
