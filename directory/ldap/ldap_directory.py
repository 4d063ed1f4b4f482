"""How a person is found and their password tried.

Owns: the order of a login's steps. Must not know: sockets, TLS, ldap3.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from directory.contract import (
    Admit,
    DirectoryUnavailable,
    InvalidCredentials,
    Person,
    PersonState,
    Standing,
)
from directory.ldap.accounts.lockout_status import Standings
from directory.ldap.accounts.status import (
    refuse_by_account,
    refuse_by_lock,
    refuse_by_password,
    refuse_by_policy,
)
from directory.ldap.config import LdapConfig
from directory.ldap.connections.connection import Link
from directory.ldap.connections.servers import ServerStatus
from directory.ldap.connections.session import Conversation, Lines
from directory.ldap.deadline import Deadline
from directory.ldap.people.account_entry import Sight, look_for_the_refused, person_bound
from directory.ldap.people.by_id import ById
from directory.ldap.people.groups import Ask
from directory.ldap.people.lookup import NO_ATTRIBUTES, Lookup
from directory.ldap.people.normalization import names_to_ask, password_to_send
from directory.ldap.people.other_servers import look_anywhere
from directory.ldap.people.person import person_from
from directory.ldap.people.witness import Witness
from directory.ldap.protocol import password_policy
from directory.ldap.protocol.entry import Entry, Found
from directory.ldap.protocol.password_policy import PolicyResponse
from directory.ldap.protocol.results import judge_person_bind, judge_search


class LdapDirectory:
    """The directory contract over LDAP. Nothing about a person is kept: each login searches and binds."""

    def __init__(
        self,
        config: LdapConfig,
        *,
        user_base: str,
        lines: Lines,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._config = config
        self._profile = config.effective_profile()
        witness = Witness(config, user_base, monotonic)
        self._lookup = Lookup(config, user_base, witness)
        self._by_id = ById(config, user_base, self._lookup, witness)
        self._standings = Standings(
            self._profile.lockout, config.password_policy, clock=clock, monotonic=monotonic
        )
        self._lines = lines
        self._clock = clock
        self._monotonic = monotonic

    def authenticate(
        self, net_id: str, password: str, *, groups: bool = False, admit: Admit | None = None
    ) -> Person:
        """Find exactly one entry for `net_id` and bind as it with `password` (RFC 4513, section 5.1.3).

        Args:
            net_id: the login name as typed.
            password: as typed; empty, with a NUL or over 1,024 bytes of UTF-8 it is refused without a bind.
            groups: whether the person's groups are wanted.
            admit: is shown the account before its password is tried, and may raise.

        Raises:
            InvalidCredentials: refused, with its reason.
            DirectoryUnavailable: nothing can be said about the password.
        """
        secret = password_to_send(password)
        names = names_to_ask(net_id, self._config.realms)
        talk = self._conversation()
        dn = self._lookup.dn_of(names)
        if dn is not None and self._config.bind_dn is None:
            return self._authenticate_by_own_eyes(dn, names, secret, talk, groups=groups)
        sight = self._sight(names, talk, groups=groups)
        found: Sequence[str] | None = None if groups else ()
        try:
            if dn is None:
                dn = sight.look().dn
                refuse_by_account(sight.entry, self._clock())
            if admit is not None:
                admit(sight)
            # Before the bind: a search that failed after it would tell a right password from a wrong one.
            found = self._groups_of(sight, talk.ask) if found is None else found
            return self._person_of(sight, self._bound(dn, secret, sight, talk), found)
        except InvalidCredentials as refusal:
            if found is None:
                self._lookup.groups.prove(names[0], talk.ask)
            sight.name_in(refusal)
            raise

    def find(self, person_id: str, *, groups: bool = False) -> Person:
        """Read the person with the stable id `person_id` again, if the user filter finds them still.

        Args:
            person_id: as `Person.id` gave it.
            groups: whether the person's groups are wanted.

        Raises:
            InvalidCredentials: no such person now (`unknown_person`), or `disabled`, `locked`, `expired`,
                `must_change`, `not_now`, where the entry says so for certain.
            DirectoryUnavailable: nothing can be said.
        """
        talk, refuse = self._conversation(), self._refuse_by_entry

        def look(ask: Ask) -> Entry:
            return self._by_id.entry(person_id, ask, groups=groups, refuse=refuse)

        try:
            entry = look_anywhere(look, talk)
        except InvalidCredentials as refusal:
            refusal.person_id = person_id
            raise
        person = person_from(entry, self._profile)
        if not groups:
            return person
        return replace(person, groups=self._lookup.groups.of(entry, person.net_id, talk.ask))

    def examine(self, net_id: str, *, groups: bool = False) -> PersonState:
        """Look at the person whom a login as `net_id` would find; no password is tried.

        Args:
            net_id: the login name as typed.
            groups: whether the person's groups are wanted.

        Raises:
            InvalidCredentials: it is nobody's name, or several people's: `unknown_person`, `ambiguous`.
            DirectoryUnavailable: nothing can be said.
        """
        talk = self._conversation()
        sight = self._sight(names_to_ask(net_id, self._config.realms), talk, groups=groups)
        try:
            entry, person = sight.entry, sight.person
        except InvalidCredentials as unseen:
            if self._config.sees_people:
                raise
            raise DirectoryUnavailable(f"{unseen.detail}: NETID_LDAP_BIND_DN would see it") from unseen
        if groups:
            person = replace(person, groups=self._groups_of(sight, talk.ask))
        standing, policy = self._standings.look(entry.dn, talk)
        try:
            self._refuse_by_entry(entry)
            refuse_by_policy(entry, policy, self._clock())
        except InvalidCredentials as refusal:
            return PersonState(person, refusal.reason, refusal.detail, standing)
        return PersonState(person, standing=standing)

    def spelling(self, dn: str) -> str | None:
        """Tell how the directory writes the DN of an entry; None where our account sees no such entry.

        Raises:
            DirectoryUnavailable: nothing can be said.
        """
        return self._lookup.spelling(dn, self._conversation().ask)

    def ping(self) -> None:
        """Read the root DSE (RFC 4512, section 5.1) on a connection for searches.

        Raises:
            DirectoryUnavailable: the directory does not answer, or refuses our own account.
        """
        found = self._conversation().ask(lambda link: link.read("", attributes=[NO_ATTRIBUTES]))
        judge_search(found.answer)

    def close(self) -> None:
        """Close every connection. The directory can be used again after it."""
        self._lines.close()

    def servers(self) -> list[ServerStatus]:
        """Tell how each server stands, in order of preference; an embedded directory has none."""
        return self._lines.servers.statuses()

    def _conversation(self) -> Conversation:
        return self._lines.conversation(Deadline.of_request(self._config.login_deadline, self._monotonic))

    def _bound(self, dn: str, secret: bytes, sight: Sight, talk: Conversation) -> PolicyResponse:
        try:
            return talk.as_person(lambda link: self._bind(link, dn, secret))
        except InvalidCredentials as refusal:
            look_for_the_refused(sight, refusal, talk.ask_at)
            raise

    def _bind(self, link: Link, dn: str, secret: bytes) -> PolicyResponse:
        return judge_person_bind(
            link.bind(dn, secret, controls=(password_policy.CONTROL,)),
            unwilling_refuses=self._profile.unwilling_refuses,
            allow_must_change=self._config.allow_must_change,
        )

    def _sight(self, names: tuple[str, ...], talk: Conversation, *, groups: bool) -> Sight:
        """What our account sees of a person, on any server."""
        return Sight(
            lambda: look_anywhere(lambda ask: self._lookup.of(names, ask, groups=groups), talk),
            lambda entry: self._standings.look(entry.dn, talk)[0],
            self._profile,
            self._clock,
            lambda: talk.asked,
        )

    def _refuse_by_entry(self, entry: Entry) -> None:
        now = self._clock()
        refuse_by_account(entry, now)
        refuse_by_lock(entry, now)
        refuse_by_password(entry, now, allow_must_change=self._config.allow_must_change)

    def _authenticate_by_own_eyes(
        self, dn: str, names: tuple[str, ...], secret: bytes, talk: Conversation, *, groups: bool
    ) -> Person:
        """Bind as the DN that the template names, then read its entry on the same connection."""

        def bind(link: Link) -> Person:
            def ask(question: Callable[[Link], Found]) -> Found:
                return question(link)

            policy = self._bind(link, dn, secret)
            sight = Sight(
                lambda: self._lookup.of(names, ask, groups=groups),
                lambda _entry: Standing(),
                self._profile,
                self._clock,
            )
            try:
                person = self._person_of(sight, policy, ())
                return replace(person, groups=self._groups_of(sight, ask)) if groups else person
            except InvalidCredentials as refusal:
                sight.name_in(refusal)
                raise

        return talk.as_person(bind)

    def _person_of(self, sight: Sight, policy: PolicyResponse, groups: Sequence[str]) -> Person:
        must_change = self._config.allow_must_change
        return person_bound(sight, policy, groups, self._clock(), allow_must_change=must_change)

    def _groups_of(self, sight: Sight, ask: Ask) -> Sequence[str]:
        return self._lookup.groups.of(sight.entry, sight.person.net_id, ask)
