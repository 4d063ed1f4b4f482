"""A person's entry as one login sees it.

Owns: that the entry is read when it is first looked at, and what is shown of it before the password is tried.
Must not know: how it is found.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from directory.contract import DirectoryUnavailable, InvalidCredentials, LockoutStatus, Person, Refusal
from directory.ldap.accounts.status import fingerprint_of, refuse_expired_password, refuse_inactive_account
from directory.ldap.connections.connection import NO_ATTRIBUTES, LdapConnection
from directory.ldap.kinds.profiles import Profile
from directory.ldap.people.lookup import EntryHidden
from directory.ldap.people.person import person_from
from directory.ldap.protocol.entry import Entry, SearchResult
from directory.ldap.protocol.password_policy import PolicyError, PolicyResponse

# As which a server refuses a bind to an entry that it does not have.
_MAY_BE_ABSENT = frozenset({Refusal.WRONG_PASSWORD, Refusal.REFUSED, Refusal.UNKNOWN_PERSON})

AskAt = Callable[[str, Callable[[LdapConnection], SearchResult]], SearchResult]


class AccountEntry:
    """An account, as the contract has it."""

    def __init__(
        self,
        read: Callable[[], Entry],
        count: Callable[[Entry], LockoutStatus],
        profile: Profile,
        clock: Callable[[], float],
        where: Callable[[], str | None] = lambda: None,
    ) -> None:
        """Look at nothing yet.

        Args:
            read: finds or reads the entry.
            count: asks how near the account of an entry is to being locked.
            profile: the kind of directory.
            clock: seconds since the epoch.
            where: names the server that was asked last.
        """
        self.seen_on: str | None = None
        self._where = where
        self._read = read
        self._count = count
        self._profile = profile
        self._clock = clock
        self._entry: Entry | None = None
        self._person: Person | None = None

    @property
    def entry(self) -> Entry:
        """The entry. Raises what reading it raises."""
        if self._entry is None:
            self._entry = self._read()
            self.seen_on = self._where()
        return self._entry

    @property
    def person(self) -> Person:
        """The person of the entry. Raises what reading it raises."""
        return self.look()

    def name_in(self, refusal: InvalidCredentials) -> None:
        """Let a refusal name whom it is about, if they were looked at: people are looked for by their id."""
        refusal.person_id = self._person.id if self._person else None

    @property
    def person_id(self) -> str:
        """The stable id of the person. Raises what reading the entry raises."""
        return self.person.id

    @property
    def state(self) -> bytes:
        """A digest of when the password was changed and of the lockout; empty where nothing is certain."""
        return self._state_of(self.entry)

    def is_unchanged(self) -> bool:
        """Read the entry again, and say whether its state holds and is not empty.

        Raises:
            DirectoryUnavailable: nothing can be said.
        """
        return bool(self.state) and self._state_of(self._read()) == self.state

    def lockout_status(self) -> LockoutStatus:
        """Ask the server that will take the bind how near the account is to being locked.

        Raises:
            DirectoryUnavailable: nothing can be said.
        """
        return self._count(self.entry)

    def look(self) -> Person:
        """Read the entry, if that was not done yet. Raises what reading it raises."""
        if self._person is None:
            self._person = person_from(self.entry, self._profile)
        return self._person

    def _state_of(self, entry: Entry) -> bytes:
        return fingerprint_of(entry, self._profile, self._clock())


def look_for_the_refused(account: AccountEntry, refusal: InvalidCredentials, ask_at: AskAt) -> None:
    """Look at the entry of a refused bind, if nobody has yet, so that the refusal has a person.

    A server that does not have the entry refuses its bind as if the password were wrong. So if another server
    than the one that refused showed the entry, the one that refused must show it too.

    Args:
        account: of the login.
        refusal: of its bind.
        ask_at: asks one server and no other.

    Raises:
        InvalidCredentials: there is nobody, and so no wrong password: `unknown_person`.
        DirectoryUnavailable: the server that refused does not show the entry, or cannot be asked.
    """
    try:
        account.look()
    except DirectoryUnavailable:
        return  # The refusal stands, though it is about a name alone.
    except InvalidCredentials as unseen:
        if refusal.reason is Refusal.WRONG_PASSWORD:
            unseen.server = refusal.server
            raise
        return
    server = refusal.server
    if server in {None, account.seen_on} or account.seen_on is None or refusal.reason not in _MAY_BE_ABSENT:
        return
    found = ask_at(server, lambda link: link.read(account.entry.dn, attributes=[NO_ATTRIBUTES]))
    if not found.entries:
        raise DirectoryUnavailable(
            f"{server} refused the bind of an entry that {account.seen_on} shows and {server} does not "
            f"(result {found.answer.code}): is it a replica that is half loaded? (NETID_LDAP_URI)",
            alarm=True,
        )


def person_bound(
    account: AccountEntry,
    policy: PolicyResponse,
    groups: Sequence[str],
    now: float,
    *,
    allow_must_change: bool,
) -> Person:
    """Make the person of a bind that succeeded, with what it said of the password, if the entry agrees.

    Args:
        account: of the login.
        policy: what the bind said.
        groups: the person's.
        now: seconds since the epoch.
        allow_must_change: whether a login is good although a new password is asked for.

    Raises:
        InvalidCredentials: the entry refuses the person.
        DirectoryUnavailable: it cannot be read.
    """
    try:
        entry, person = account.entry, account.person
    except EntryHidden as unseen:
        raise _bound_but_unseen(unseen, policy) from unseen
    refuse_inactive_account(entry, now)
    refuse_expired_password(entry, now, allow_must_change=allow_must_change)
    if policy.seconds_to_expiry is not None:
        person = replace(person, password_expires_at=int(now) + policy.seconds_to_expiry)
    if policy.grace_logins is not None:
        person = replace(person, grace_logins_remaining=policy.grace_logins)
    return replace(person, groups=groups) if groups else person


def _bound_but_unseen(unseen: EntryHidden, policy: PolicyResponse) -> Exception:
    if policy.error is PolicyError.CHANGE_AFTER_RESET:
        # Until then a server allows them nothing else (draft-behera-ldap-password-policy-10, 8.1.2).
        return InvalidCredentials(Refusal.MUST_CHANGE, "the entry could not be read before the change")
    return DirectoryUnavailable(
        f"the entry that the template names could be bound as, but not read (result {unseen.code}): let"
        " people read their own entry, or set NETID_LDAP_BIND_DN",
        alarm=True,
    )
