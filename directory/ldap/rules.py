"""How a person is found and their password tried.

Owns: the order of a login's steps, and what may be tried again. Must not know: sockets, TLS, ldap3.
"""

from collections.abc import Callable

from directory.contract import DirectoryUnavailable, InvalidCredentials, Person, Refusal
from directory.ldap.config import LdapConfig
from directory.ldap.deadline import Deadline
from directory.ldap.entry import Entry, Found
from directory.ldap.lane import Lane
from directory.ldap.link import Link
from directory.ldap.person import attributes_to_read, person_from, refuse_by_state
from directory.ldap.results import judge_person_bind, judge_search
from directory.ldap.typed import USERNAME, for_dn, for_filter, name_to_ask, password_to_send
from directory.ldap.wire import LinkLost

# One more than may be found, so that two are told from one.
_SIZE_LIMIT = 2
_NO_ATTRIBUTES = "1.1"  # RFC 4511, section 4.5.1.8


class LdapDirectory:
    """The directory contract over LDAP. Nothing about a person is kept: each login searches and binds."""

    def __init__(
        self,
        config: LdapConfig,
        *,
        user_base: str,
        searches: Lane,
        binds: Lane,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._config = config
        self._user_base = user_base
        self._searches = searches
        self._binds = binds
        self._clock = clock
        self._monotonic = monotonic

    def authenticate(self, net_id: str, password: str, *, groups: bool = False) -> Person:
        """Find exactly one entry for `net_id` and bind as it with `password` (RFC 4513, section 5.1.3).

        Args:
            net_id: the login name as typed.
            password: as typed; empty, with a NUL or over 1,024 bytes of UTF-8 it is refused without a bind.
            groups: whether the person's groups are wanted.

        Raises:
            InvalidCredentials: refused, with its reason.
            DirectoryUnavailable: nothing can be said about the password.
        """
        secret = password_to_send(password)
        name = name_to_ask(net_id)
        deadline = self._deadline()
        if self._config.user_dn_template is not None:
            dn = self._config.user_dn_template.replace(USERNAME, for_dn(name))
            return self._person(self._bind_and_read(dn, secret, deadline, groups=groups))
        search_filter = self._config.user_filter.replace(USERNAME, for_filter(name))
        entry = self._only_entry(search_filter, deadline, groups=groups)
        person = self._person(entry)
        with self._binds.lease(deadline) as link:
            judge_person_bind(link.bind(entry.dn, secret))
        return person

    def find(self, person_id: str, *, groups: bool = False) -> Person:
        """Read the person with the stable id `person_id` again.

        Args:
            person_id: as `Person.id` gave it.
            groups: whether the person's groups are wanted.

        Raises:
            InvalidCredentials: no such person now (`unknown_person`), or `disabled`, `expired`, `not_now`.
            DirectoryUnavailable: nothing can be said.
        """
        search_filter = f"({self._config.id_attribute}={for_filter(name_to_ask(person_id))})"
        return self._person(self._only_entry(search_filter, self._deadline(), groups=groups))

    def ping(self) -> None:
        """Read the root DSE (RFC 4512, section 5.1) on a connection for searches.

        Raises:
            DirectoryUnavailable: the directory does not answer, or refuses our own account.
        """
        found = self._ask(self._deadline(), lambda link: link.read("", attributes=[_NO_ATTRIBUTES]))
        judge_search(found.answer)

    def close(self) -> None:
        """Close every connection. The directory can be used again after it."""
        self._searches.close()
        self._binds.close()

    def _deadline(self) -> Deadline:
        return Deadline(self._config.login_deadline, self._monotonic)

    def _person(self, entry: Entry) -> Person:
        refuse_by_state(entry, self._clock())
        return person_from(entry, self._config.id_attribute)

    def _only_entry(self, search_filter: str, deadline: Deadline, *, groups: bool) -> Entry:
        attributes = attributes_to_read(self._config.id_attribute, groups=groups)
        found = self._ask(
            deadline,
            lambda link: link.search(
                self._user_base, search_filter, attributes=attributes, size_limit=_SIZE_LIMIT
            ),
        )
        judge_search(found.answer)
        if not found.entries:
            raise InvalidCredentials(Refusal.UNKNOWN_PERSON)
        if len(found.entries) > 1:
            raise InvalidCredentials(Refusal.AMBIGUOUS, f"{len(found.entries)} entries for {search_filter}")
        return found.entries[0]

    def _bind_and_read(self, dn: str, secret: bytes, deadline: Deadline, *, groups: bool) -> Entry:
        """Bind as a DN that was not searched, then read what it names."""
        attributes = attributes_to_read(self._config.id_attribute, groups=groups)
        with self._binds.lease(deadline) as link:
            judge_person_bind(link.bind(dn, secret))
            if self._config.bind_dn is None:
                found = link.read(dn, attributes=attributes)
        if self._config.bind_dn is not None:
            found = self._ask(deadline, lambda link: link.read(dn, attributes=attributes))
        if len(found.entries) != 1:
            raise DirectoryUnavailable(
                f"{dn} could be bound as, but not read (result {found.answer.code}): "
                "let people read their own entry, or set NETID_LDAP_BIND_DN",
                alarm=True,
            )
        return found.entries[0]

    def _ask(self, deadline: Deadline, question: Callable[[Link], Found]) -> Found:
        """Ask on a connection for searches; once more on a new one if a kept one proved dead."""
        try:
            with self._searches.lease(deadline) as link:
                return question(link)
        except LinkLost:
            with self._searches.lease(deadline, fresh=True) as link:
                return question(link)
