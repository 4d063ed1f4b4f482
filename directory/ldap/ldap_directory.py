"""How a directory finds a person's entry and verifies a password: the steps of a login, in order.

Owns: the order of LDAP operations. Must not know: sockets, TLS, ldap3. `LdapDirectory.find` leads to an
account; `verify` of the account binds as it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from directory.contract import (
    Account,
    DirectoryUnavailable,
    InvalidCredentials,
    LockoutStatus,
    Person,
    PersonState,
    Refusal,
    encoded_password,
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
from directory.ldap.kinds.profile import Profile
from directory.ldap.people.lookup import Lookup, find_on_any_server
from directory.ldap.people.lookup_by_id import LookupById
from directory.ldap.people.person import AccountEntry, person_bound, person_from, read_refused_entry
from directory.ldap.people.settings_check import check_users
from directory.ldap.people.user_filter import candidate_names
from directory.ldap.people.visibility_check import VisibilityCheck
from directory.ldap.protocol import password_policy
from directory.ldap.protocol.entry import Entry, SearchResult
from directory.ldap.protocol.password_policy import PolicyResponse
from directory.ldap.protocol.results import judge_person_bind, judge_search


class LdapDirectory:
    """The directory contract over LDAP. It keeps nothing about a person: each login searches and binds."""

    def __init__(
        self,
        config: LdapConfig,
        *,
        user_base: str,
        pools: ConnectionPools,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        profile = config.effective_profile()
        visibility = VisibilityCheck(config, user_base, monotonic)
        lockout = LockoutReader(profile.lockout, config.password_policy, clock=clock, monotonic=monotonic)
        self._config = config
        self._user_base = user_base
        self._parts = _Parts(config, profile, Lookup(config, user_base, visibility), lockout, clock)
        self._by_id = LookupById(config, user_base, self._parts.lookup, visibility)
        self.pools = pools
        self._monotonic = monotonic

    def find(self, net_id: str, *, groups: bool = False) -> Account:
        """Find the one entry that a login name leads to. With a DN template it reads nothing.

        Args:
            net_id: the login name as typed.
            groups: whether `verify` adds the person's groups.

        Raises:
            InvalidCredentials: no person or several people have this name, or the entry says for certain
                that the person may not log in.
            DirectoryUnavailable: the directory cannot say.
        """
        names = candidate_names(net_id, self._config.realms)
        session = self._session()
        dn = self._parts.lookup.dn_by_template(names)
        if dn is not None and self._config.bind_dn is None:
            return _OwnEntryAccount(self._parts, session, names, dn, groups=groups)
        account = _ReadableAccount(self._parts, session, names, dn, groups=groups)
        if dn is None:
            account.refuse_inactive()
        return account

    def read(self, person_id: str, *, groups: bool = False) -> Person:
        """Read the person with the stable id `person_id` again, if the user filter still finds them.

        Args:
            person_id: as `Person.id` gave it.
            groups: whether the person's groups are wanted.

        Raises:
            InvalidCredentials: no such person now (`unknown_person`), or `disabled`, `locked`, `expired`,
                `must_change`, `not_now`, where the entry says so for certain.
            DirectoryUnavailable: the directory cannot say.
        """
        session, refuse = self._session(), self._parts.refuse_by_entry

        def look(ask: RunQuery) -> Entry:
            return self._by_id.find(person_id, ask, groups=groups, refuse=refuse)

        try:
            entry = find_on_any_server(look, session)
        except InvalidCredentials as refusal:
            refusal.person_id = person_id
            raise
        person = person_from(entry, self._parts.profile)
        if not groups:
            return person
        return replace(person, groups=self._parts.lookup.groups.groups_of(entry, person.net_id, session.ask))

    def examine(self, net_id: str, *, groups: bool = False) -> PersonState:
        """Read the person whom a login as `net_id` would find. No password is tried.

        Args:
            net_id: the login name as typed.
            groups: whether the person's groups are wanted.

        Raises:
            InvalidCredentials: no person or several people have this name: `unknown_person`, `ambiguous`.
            DirectoryUnavailable: the directory cannot say.
        """
        parts, session = self._parts, self._session()
        account = parts.entry_of(candidate_names(net_id, self._config.realms), session, groups=groups)
        try:
            entry, person = account.entry, account.person
        except InvalidCredentials as unseen:
            if self._config.sees_people:
                raise
            raise DirectoryUnavailable(f"{unseen.detail}: NETID_LDAP_BIND_DN would see it") from unseen
        if groups:
            person = replace(person, groups=parts.groups_of(account, session.ask))
        lockout_status, policy = parts.lockout.read(entry.dn, session)
        try:
            parts.refuse_by_entry(entry)
            refuse_locked_by_policy(entry, policy, parts.clock())
        except InvalidCredentials as refusal:
            return PersonState(person, refusal.reason, refusal.detail, lockout_status)
        return PersonState(person, lockout_status=lockout_status)

    def spelling(self, dn: str) -> str | None:
        """Return the DN as the directory writes it; None where the service account sees no such entry.

        Raises:
            DirectoryUnavailable: the directory cannot say.
        """
        return self._parts.lookup.spelling(dn, self._session().ask)

    def ping(self) -> None:
        """Read the root DSE (RFC 4512, section 5.1) on a connection for searches.

        Raises:
            DirectoryUnavailable: the directory does not answer, or refuses the service account.
        """
        found = self._session().ask(lambda link: link.read("", attributes=[NO_ATTRIBUTES]))
        judge_search(found.answer)

    def check_settings(self) -> None:
        """Check that the settings find users. A second server is asked before the settings are at fault.

        Raises:
            DirectoryUnavailable: no user was found (with `alarm`, and the setting to change), or the
                directory cannot say.
        """
        self.ping()
        if not self._config.sees_people:
            return
        session = self._session()
        try:
            check_users(self._config, self._user_base, session.ask)
        except DirectoryUnavailable as fault:
            if not (fault.alarm and self.pools.servers.has_alternatives()):
                raise
            try:
                check_users(self._config, self._user_base, session.elsewhere())
            except DirectoryUnavailable:
                raise fault from None

    def close(self) -> None:
        """Close every connection. The directory can be used again after it."""
        self.pools.close()

    def servers(self) -> list[ServerStatus]:
        """Return the health of each server, in order of preference; an embedded directory has none."""
        return self.pools.servers.statuses()

    def _session(self) -> LdapSession:
        return self.pools.session(Deadline.of_request(self._config.login_deadline, self._monotonic))


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the directory and its accounts share."""

    config: LdapConfig
    profile: Profile
    lookup: Lookup
    lockout: LockoutReader
    clock: Callable[[], float]

    def entry_of(self, names: tuple[str, ...], session: LdapSession, *, groups: bool) -> AccountEntry:
        """The entry of a person as the service account sees it, on any server."""
        return AccountEntry(
            lambda: find_on_any_server(lambda ask: self.lookup.find(names, ask, groups=groups), session),
            lambda entry: self.lockout.read(entry.dn, session)[0],
            self.profile,
            self.clock,
            lambda: session.last_server,
        )

    def bind(self, link: LdapConnection, dn: str, secret: bytes) -> PolicyResponse:
        """Bind as a person, and judge the answer."""
        return judge_person_bind(
            link.bind(dn, secret, controls=(password_policy.CONTROL,)),
            unwilling_refuses=self.profile.unwilling_refuses,
            allow_must_change=self.config.allow_must_change,
        )

    def person_of(self, account: AccountEntry, policy: PolicyResponse, groups: Sequence[str]) -> Person:
        """The person of a bind that succeeded, unless the entry refuses the login."""
        must_change = self.config.allow_must_change
        return person_bound(account, policy, groups, self.clock(), allow_must_change=must_change)

    def groups_of(self, account: AccountEntry, ask: RunQuery) -> Sequence[str]:
        """The DNs of the person's groups."""
        return self.lookup.groups.groups_of(account.entry, account.person.net_id, ask)

    def refuse_by_entry(self, entry: Entry) -> None:
        """Refuse what the entry refuses for certain, without a bind."""
        now = self.clock()
        refuse_inactive_account(entry, now)
        refuse_locked_account(entry, now)
        refuse_expired_password(entry, now, allow_must_change=self.config.allow_must_change)


class _ReadableAccount:
    """An account whose entry the service account reads: at a search, or where the DN template points."""

    is_readable = True

    def __init__(
        self, parts: _Parts, session: LdapSession, names: tuple[str, ...], dn: str | None, *, groups: bool
    ) -> None:
        self._parts = parts
        self._session = session
        self._names = names
        self._template_dn = dn
        self._entry = parts.entry_of(names, session, groups=groups)
        # None until they are searched.
        self._groups: Sequence[str] | None = None if groups else ()

    @property
    def person_id(self) -> str:
        """The stable id of the person."""
        try:
            return self._entry.person.id
        except InvalidCredentials as refusal:
            self._complete(refusal)
            raise

    @property
    def fingerprint(self) -> bytes:
        """A digest of the last password change and of the lockout; empty where nothing is certain."""
        return self._entry.fingerprint

    def is_unchanged(self) -> bool:
        """Read the entry again; True if its fingerprint is the same and not empty."""
        return self._entry.is_unchanged()

    def lockout_status(self) -> LockoutStatus:
        """Ask the server that will take the bind how near the account is to being locked."""
        return self._entry.lockout_status()

    def refuse_inactive(self) -> None:
        """Read the entry, and refuse what it refuses before a bind: a disabled or expired account."""
        try:
            self._entry.person  # noqa: B018 - reads the entry
            refuse_inactive_account(self._entry.entry, self._parts.clock())
        except InvalidCredentials as refusal:
            self._complete(refusal)
            raise

    def refusal_without_bind(self, detail: str) -> InvalidCredentials:
        """Make the refusal of a password that is known to be wrong."""
        refusal = InvalidCredentials(Refusal.WRONG_PASSWORD, detail)
        self._complete(refusal)
        return refusal

    def verify(self, password: str) -> Person:
        """Search the groups, bind as the entry, and return the person if the entry agrees."""
        secret = encoded_password(password)
        try:
            if self._groups is None:
                # Before the bind: a search that failed after it would reveal that the password was right.
                self._groups = self._parts.groups_of(self._entry, self._session.ask)
            policy = self._bind(secret)
            return self._parts.person_of(self._entry, policy, self._groups)
        except InvalidCredentials as refusal:
            self._complete(refusal)
            raise

    def _bind(self, secret: bytes) -> PolicyResponse:
        dn = self._template_dn or self._entry.person.dn
        try:
            return self._session.as_person(lambda link: self._parts.bind(link, dn, secret))
        except InvalidCredentials as refusal:
            read_refused_entry(self._entry, refusal, self._session.ask_at)
            raise

    def _complete(self, refusal: InvalidCredentials) -> None:
        """Add the person to a refusal. Where groups are wanted, also search for groups, as a bind would.

        A failing search for groups must not reveal which login names exist.
        """
        if self._groups is None:
            self._parts.lookup.groups.probe(self._names[0], self._session.ask)
        self._entry.add_person_to(refusal)


class _OwnEntryAccount:
    """An account whose entry only its user may read: at the template's DN, without a service account."""

    is_readable = False
    fingerprint = b""

    def __init__(
        self, parts: _Parts, session: LdapSession, names: tuple[str, ...], dn: str, *, groups: bool
    ) -> None:
        self._parts = parts
        self._session = session
        self._names = names
        self._dn = dn
        self._groups = groups

    @property
    def person_id(self) -> str:
        """Cannot be read before the bind."""
        raise DirectoryUnavailable("only the person may read this entry (NETID_LDAP_BIND_DN is not set)")

    def is_unchanged(self) -> bool:
        """Nothing is known."""
        return False

    def lockout_status(self) -> LockoutStatus:
        """Nothing is known."""
        return LockoutStatus()

    def refusal_without_bind(self, detail: str) -> InvalidCredentials:
        """Make the refusal of a password that is known to be wrong."""
        return InvalidCredentials(Refusal.WRONG_PASSWORD, detail)

    def verify(self, password: str) -> Person:
        """Bind as the DN that the template names, then read its entry on the same connection."""
        secret = encoded_password(password)
        return self._session.as_person(lambda link: self._bind_and_read(link, secret))

    def _bind_and_read(self, link: LdapConnection, secret: bytes) -> Person:
        def ask(question: Callable[[LdapConnection], SearchResult]) -> SearchResult:
            return question(link)

        parts = self._parts
        policy = parts.bind(link, self._dn, secret)
        entry = AccountEntry(
            lambda: parts.lookup.find(self._names, ask, groups=self._groups),
            lambda _entry: LockoutStatus(),
            parts.profile,
            parts.clock,
        )
        try:
            person = parts.person_of(entry, policy, ())
            return replace(person, groups=parts.groups_of(entry, ask)) if self._groups else person
        except InvalidCredentials as refusal:
            entry.add_person_to(refusal)
            raise
