"""A user's entry as one login sees it, and the `Person` that is made of it.

Owns: which attributes a search reads and what they mean, the form of the stable id, that the entry is read at
its first use, and what follows from it before and after a bind. Must not know: searches, and how a bind is
sent.
"""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from ldap3.core.exceptions import LDAPInvalidDnError
from ldap3.utils.dn import parse_dn

from directory.contract import DirectoryUnavailable, InvalidCredentials, LockoutStatus, Person, Refusal
from directory.dn import unescape_from_dn
from directory.ldap.accounts.status import fingerprint_of, refuse_expired_password, refuse_inactive_account
from directory.ldap.connections.connection import NO_ATTRIBUTES, LdapConnection
from directory.ldap.kinds.claim_attributes import ALWAYS
from directory.ldap.kinds.profile import Profile
from directory.ldap.people.details import details_of
from directory.ldap.people.user_filter import GUID_ATTRIBUTE
from directory.ldap.protocol.entry import Entry, SearchResult, moment_of
from directory.ldap.protocol.password_policy import PolicyError, PolicyResponse

_AFFILIATION: Final = "eduPersonAffiliation"
_GUID_OCTETS: Final = 16
# The refusals that a server without the entry may give to a bind as it.
_MAY_BE_ABSENT = frozenset({Refusal.WRONG_PASSWORD, Refusal.REFUSED, Refusal.UNKNOWN_PERSON})

AskAt = Callable[[str, Callable[[LdapConnection], SearchResult]], SearchResult]


class EntryHidden(InvalidCredentials):
    """The entry that the DN template names is missing, or the access rules hide it."""

    def __init__(self, code: int) -> None:
        # The sentence leaves out the DN: it contains the login name as typed.
        super().__init__(
            Refusal.UNKNOWN_PERSON,
            f"the entry that the template names is missing, or hidden from our account (result {code})",
        )
        self.code = code


class AccountEntry:
    """An entry that is read at its first use. Each property and method raises what reading raises."""

    def __init__(
        self,
        read: Callable[[], Entry],
        count: Callable[[Entry], LockoutStatus],
        profile: Profile,
        clock: Callable[[], float],
        server: Callable[[], str | None] = lambda: None,
    ) -> None:
        """Read nothing yet.

        Args:
            read: finds or reads the entry.
            count: asks the directory how near the account of an entry is to being locked.
            profile: the kind of directory.
            clock: seconds since the epoch.
            server: returns the server that was asked last.
        """
        self.seen_on: str | None = None
        self._server = server
        self._read = read
        self._count = count
        self._profile = profile
        self._clock = clock
        self._entry: Entry | None = None
        self._person: Person | None = None

    @property
    def entry(self) -> Entry:
        """The entry."""
        if self._entry is None:
            self._entry = self._read()
            self.seen_on = self._server()
        return self._entry

    @property
    def person(self) -> Person:
        """The person of the entry."""
        if self._person is None:
            self._person = person_from(self.entry, self._profile)
        return self._person

    @property
    def fingerprint(self) -> bytes:
        """A digest of the last password change and of the lockout; empty where nothing is certain."""
        return fingerprint_of(self.entry, self._profile, self._clock())

    def is_unchanged(self) -> bool:
        """Read the entry again; True if its fingerprint is the same and not empty."""
        before = self.fingerprint
        return bool(before) and fingerprint_of(self._read(), self._profile, self._clock()) == self.fingerprint

    def lockout_status(self) -> LockoutStatus:
        """Ask the server that will take the bind how near the account is to being locked."""
        return self._count(self.entry)

    def add_person_to(self, refusal: InvalidCredentials) -> None:
        """Set `refusal.person_id` if the entry was read."""
        refusal.person_id = self._person.id if self._person else None


def read_refused_entry(account: AccountEntry, refusal: InvalidCredentials, ask_at: AskAt) -> None:
    """Read the entry whose bind was refused, unless it was read before, so that the refusal has a person.

    A server that does not have the entry refuses the bind as if the password were wrong. So if one server
    showed the entry and another refused the bind, the second must show the entry too.

    Args:
        account: the entry.
        refusal: the refusal of its bind.
        ask_at: asks one server and no other.

    Raises:
        InvalidCredentials: no such entry, and so no wrong password: `unknown_person`.
        DirectoryUnavailable: the server that refused does not show the entry, or cannot be asked.
    """
    try:
        account.person  # noqa: B018 - reads the entry
    except DirectoryUnavailable:
        return  # The refusal stands, for the login name alone.
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
    """Make the person of a bind that succeeded, unless the entry refuses the login.

    Args:
        account: the entry that was bound as.
        policy: the server's password policy response to the bind.
        groups: the person's groups.
        now: seconds since the epoch.
        allow_must_change: whether a login succeeds although the user must set a new password.

    Raises:
        InvalidCredentials: the entry refuses the login.
        DirectoryUnavailable: the entry cannot be read.
    """
    try:
        entry, person = account.entry, account.person
    except EntryHidden as hidden:
        raise _bound_but_hidden(hidden, policy) from hidden
    refuse_inactive_account(entry, now)
    try:
        refuse_expired_password(entry, now, allow_must_change=allow_must_change)
    except InvalidCredentials as refusal:
        # The bind succeeded.
        refusal.needs_new_password = True
        raise
    if policy.seconds_to_expiry is not None:
        person = replace(person, password_expires_at=int(now) + policy.seconds_to_expiry)
    if policy.grace_logins is not None:
        person = replace(person, grace_logins_remaining=policy.grace_logins)
    return replace(person, groups=groups) if groups else person


def _bound_but_hidden(hidden: EntryHidden, policy: PolicyResponse) -> Exception:
    if policy.error is PolicyError.CHANGE_AFTER_RESET:
        # Until the change the server allows no other operation (draft-behera-ldap-password-policy-10, 8.1.2).
        refusal = InvalidCredentials(Refusal.MUST_CHANGE, "the entry could not be read before the change")
        refusal.needs_new_password = True
        return refusal
    return DirectoryUnavailable(
        f"the entry that the template names could be bound as, but not read (result {hidden.code}): let"
        " people read their own entry, or set NETID_LDAP_BIND_DN",
        alarm=True,
    )


def attributes_to_read(profile: Profile, *, also: tuple[str, ...] = ()) -> list[str]:
    """List the attributes that a search for a user requests, each once.

    Args:
        profile: the kind of directory.
        also: further attributes to request.
    """
    names = [
        profile.id_attribute,
        profile.net_id_attribute,
        *profile.name_attributes,
        profile.mail_attribute,
        _AFFILIATION,
        profile.principal_name_attribute,
        profile.password_changed_attribute,
        *([profile.password_expires_attribute] if profile.password_expires_attribute else []),
        *([profile.privacy.partition("=")[0]] if profile.privacy else []),
        *profile.state_attributes,
        *(name for _, name in profile.claim_attributes if name != ALWAYS),
        *also,
    ]
    return list({name.lower(): name for name in names}.values())


def person_from(entry: Entry, profile: Profile) -> Person:
    """Make a person from an entry that was read with `attributes_to_read`. Groups are left empty.

    Raises:
        DirectoryUnavailable: the entry has no stable id or no login name, so a setting is wrong.
    """
    expires, mail = profile.password_expires_attribute, entry.text(profile.mail_attribute)
    return Person(
        id=_id(entry, profile.id_attribute),
        net_id=_net_id(entry, profile.net_id_attribute),
        dn=entry.dn,
        name=next((name for each in profile.name_attributes if (name := entry.text(each))), None),
        mail=mail,
        affiliations=entry.texts(_AFFILIATION),
        principal_name=entry.text(profile.principal_name_attribute),
        password_changed_at=moment_of(
            profile.password_changed_attribute, entry.text(profile.password_changed_attribute)
        ),
        # 389-ds writes the epoch, 0, for "must be changed".
        password_expires_at=(moment_of(expires, entry.text(expires)) or None) if expires else None,
        private=profile.privacy is not None and _is_private(entry, profile.privacy),
        details=details_of(entry, profile.claim_attributes, mail),
    )


def _is_private(entry: Entry, privacy: str) -> bool:
    """Tell whether the entry has the attribute, or the value if `privacy` names one; case is ignored."""
    attribute, separator, private_value = privacy.partition("=")
    if not separator:
        return bool(entry.attributes.get(attribute.lower()))
    return private_value.casefold() in {value.casefold() for value in entry.texts(attribute)}


def _id(entry: Entry, attribute: str) -> str:
    """Return the stable id: text, or a GUID of 16 octets (MS-DTYP, section 2.3.4.2) in its usual form."""
    if attribute.lower() == GUID_ATTRIBUTE:
        octets = entry.attributes.get(GUID_ATTRIBUTE, ())
        ids = tuple(str(uuid.UUID(bytes_le=value)) for value in octets if len(value) == _GUID_OCTETS)
    else:
        ids = entry.texts(attribute)
    if len(ids) != 1 or not ids[0]:
        raise DirectoryUnavailable(
            f"a user's entry has {len(ids)} values of {attribute}, not one (NETID_LDAP_ID_ATTRIBUTE)",
            alarm=True,
        )
    return ids[0]


def _net_id(entry: Entry, attribute: str) -> str:
    """Return the login name as stored: of several, the one in the DN, else the first by alphabet."""
    names = sorted(entry.texts(attribute))
    if not names:
        raise DirectoryUnavailable(
            f"a user's entry shows no {attribute} (correct NETID_LDAP_NET_ID_ATTRIBUTE, or let "
            "NETID_LDAP_BIND_DN read it)",
            alarm=True,
        )
    if len(names) > 1:
        try:
            first, value, _ = parse_dn(entry.dn)[0]
        except LDAPInvalidDnError:
            return names[0]
        in_dn = unescape_from_dn(value).casefold() if first.lower() == attribute.lower() else None
        matching = [name for name in names if name.casefold() == in_dn]
        return matching[0] if matching else names[0]
    return names[0]
