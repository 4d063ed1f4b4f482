"""How a person is found and their password tried.

Owns: the order of a login's steps. Must not know: sockets, TLS, ldap3.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from directory.contract import (
    Admit,
    DirectoryUnavailable,
    InvalidCredentials,
    LockoutStatus,
    Person,
    PersonState,
)
from directory.ldap.accounts.lockout_status import LockoutReader
from directory.ldap.accounts.status import (
    refuse_expired_password,
    refuse_inactive_account,
    refuse_locked_account,
    refuse_locked_by_policy,
)
from directory.ldap.config import LdapConfig
from directory.ldap.connections.connection import NO_ATTRIBUTES, LdapConnection
from directory.ldap.connections.deadline import Deadline
from directory.ldap.connections.servers import ServerStatus
from directory.ldap.connections.session import ConnectionPools, LdapSession, RunQuery
from directory.ldap.people.account_entry import AccountEntry, look_for_the_refused, person_bound
from directory.ldap.people.lookup import Lookup, find_on_any_server
from directory.ldap.people.lookup_by_id import LookupById
from directory.ldap.people.normalization import candidate_names, encoded_password
from directory.ldap.people.person import person_from
from directory.ldap.people.visibility_check import VisibilityCheck
from directory.ldap.protocol import password_policy
from directory.ldap.protocol.entry import Entry, SearchResult
from directory.ldap.protocol.password_policy import PolicyResponse
from directory.ldap.protocol.results import judge_person_bind, judge_search


class LdapDirectory:
    """The directory contract over LDAP. Nothing about a person is kept: each login searches and binds."""

    def __init__(
        self,
        config: LdapConfig,
        *,
        user_base: str,
        pools: ConnectionPools,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._config = config
        self._profile = config.effective_profile()
        visibility = VisibilityCheck(config, user_base, monotonic)
        self._lookup = Lookup(config, user_base, visibility)
        self._by_id = LookupById(config, user_base, self._lookup, visibility)
        self._lockouts = LockoutReader(
            self._profile.lockout, config.password_policy, clock=clock, monotonic=monotonic
        )
        self.pools = pools
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
        secret = encoded_password(password)
        names = candidate_names(net_id, self._config.realms)
        session = self._session()
        dn = self._lookup.dn_by_template(names)
        if dn is not None and self._config.bind_dn is None:
            return self._authenticate_by_own_eyes(dn, names, secret, session, groups=groups)
        account = self._account(names, session, groups=groups)
        found: Sequence[str] | None = None if groups else ()
        try:
            if dn is None:
                dn = account.look().dn
                refuse_inactive_account(account.entry, self._clock())
            if admit is not None:
                admit(account)
            # Before the bind: a search that failed after it would tell a right password from a wrong one.
            found = self._groups_of(account, session.ask) if found is None else found
            return self._person_of(account, self._bound(dn, secret, account, session), found)
        except InvalidCredentials as refusal:
            if found is None:
                self._lookup.groups.probe(names[0], session.ask)
            account.name_in(refusal)
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
        session, refuse = self._session(), self._refuse_by_entry

        def look(ask: RunQuery) -> Entry:
            return self._by_id.find(person_id, ask, groups=groups, refuse=refuse)

        try:
            entry = find_on_any_server(look, session)
        except InvalidCredentials as refusal:
            refusal.person_id = person_id
            raise
        person = person_from(entry, self._profile)
        if not groups:
            return person
        return replace(person, groups=self._lookup.groups.groups_of(entry, person.net_id, session.ask))

    def examine(self, net_id: str, *, groups: bool = False) -> PersonState:
        """Look at the person whom a login as `net_id` would find; no password is tried.

        Args:
            net_id: the login name as typed.
            groups: whether the person's groups are wanted.

        Raises:
            InvalidCredentials: it is nobody's name, or several people's: `unknown_person`, `ambiguous`.
            DirectoryUnavailable: nothing can be said.
        """
        session = self._session()
        account = self._account(candidate_names(net_id, self._config.realms), session, groups=groups)
        try:
            entry, person = account.entry, account.person
        except InvalidCredentials as unseen:
            if self._config.sees_people:
                raise
            raise DirectoryUnavailable(f"{unseen.detail}: NETID_LDAP_BIND_DN would see it") from unseen
        if groups:
            person = replace(person, groups=self._groups_of(account, session.ask))
        lockout_status, policy = self._lockouts.read(entry.dn, session)
        try:
            self._refuse_by_entry(entry)
            refuse_locked_by_policy(entry, policy, self._clock())
        except InvalidCredentials as refusal:
            return PersonState(person, refusal.reason, refusal.detail, lockout_status)
        return PersonState(person, lockout_status=lockout_status)

    def spelling(self, dn: str) -> str | None:
        """Tell how the directory writes the DN of an entry; None where our account sees no such entry.

        Raises:
            DirectoryUnavailable: nothing can be said.
        """
        return self._lookup.spelling(dn, self._session().ask)

    def ping(self) -> None:
        """Read the root DSE (RFC 4512, section 5.1) on a connection for searches.

        Raises:
            DirectoryUnavailable: the directory does not answer, or refuses our own account.
        """
        found = self._session().ask(lambda link: link.read("", attributes=[NO_ATTRIBUTES]))
        judge_search(found.answer)

    def close(self) -> None:
        """Close every connection. The directory can be used again after it."""
        self.pools.close()

    def servers(self) -> list[ServerStatus]:
        """Tell how each server stands, in order of preference; an embedded directory has none."""
        return self.pools.servers.statuses()

    def _session(self) -> LdapSession:
        return self.pools.session(Deadline.of_request(self._config.login_deadline, self._monotonic))

    def _bound(self, dn: str, secret: bytes, account: AccountEntry, session: LdapSession) -> PolicyResponse:
        try:
            return session.as_person(lambda link: self._bind(link, dn, secret))
        except InvalidCredentials as refusal:
            look_for_the_refused(account, refusal, session.ask_at)
            raise

    def _bind(self, link: LdapConnection, dn: str, secret: bytes) -> PolicyResponse:
        return judge_person_bind(
            link.bind(dn, secret, controls=(password_policy.CONTROL,)),
            unwilling_refuses=self._profile.unwilling_refuses,
            allow_must_change=self._config.allow_must_change,
        )

    def _account(self, names: tuple[str, ...], session: LdapSession, *, groups: bool) -> AccountEntry:
        """What our account sees of a person, on any server."""
        return AccountEntry(
            lambda: find_on_any_server(lambda ask: self._lookup.find(names, ask, groups=groups), session),
            lambda entry: self._lockouts.read(entry.dn, session)[0],
            self._profile,
            self._clock,
            lambda: session.last_server,
        )

    def _refuse_by_entry(self, entry: Entry) -> None:
        now = self._clock()
        refuse_inactive_account(entry, now)
        refuse_locked_account(entry, now)
        refuse_expired_password(entry, now, allow_must_change=self._config.allow_must_change)

    def _authenticate_by_own_eyes(
        self, dn: str, names: tuple[str, ...], secret: bytes, session: LdapSession, *, groups: bool
    ) -> Person:
        """Bind as the DN that the template names, then read its entry on the same connection."""

        def bind(link: LdapConnection) -> Person:
            def ask(question: Callable[[LdapConnection], SearchResult]) -> SearchResult:
                return question(link)

            policy = self._bind(link, dn, secret)
            account = AccountEntry(
                lambda: self._lookup.find(names, ask, groups=groups),
                lambda _entry: LockoutStatus(),
                self._profile,
                self._clock,
            )
            try:
                person = self._person_of(account, policy, ())
                return replace(person, groups=self._groups_of(account, ask)) if groups else person
            except InvalidCredentials as refusal:
                account.name_in(refusal)
                raise

        return session.as_person(bind)

    def _person_of(self, account: AccountEntry, policy: PolicyResponse, groups: Sequence[str]) -> Person:
        must_change = self._config.allow_must_change
        return person_bound(account, policy, groups, self._clock(), allow_must_change=must_change)

    def _groups_of(self, account: AccountEntry, ask: RunQuery) -> Sequence[str]:
        return self._lookup.groups.groups_of(account.entry, account.person.net_id, ask)
