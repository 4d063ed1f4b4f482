"""What a kind of directory declares about itself.

Owns: the members of such a declaration: attribute names, defaults, what an entry says about its account, and
how failed logins are counted. Must not know: any one kind, and connections.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from directory.contract import InvalidCredentials, Refusal
from directory.ldap.kinds.claim_attributes import INET_ORG_PERSON
from directory.ldap.protocol.entry import Entry, from_number

FOREVER: Final = 0
"""A window or duration that never ends."""


@dataclass(frozen=True, slots=True)
class LockoutPolicy:
    """How many failures lock an account, and for how long.

    Attributes:
        limit: failures that lock an account; 0 if failures never lock it.
        window: seconds after which the directory forgets a failure, or FOREVER.
        duration: seconds that a lock lasts, or FOREVER if an administrator must lift it.
    """

    limit: int
    window: int = FOREVER
    duration: int = FOREVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Lockout:
    """How one kind of directory counts failures and locks accounts.

    Attributes:
        counter: the attribute of a user's entry that holds the failures.
        attributes: further attributes of the entry that `count` needs.
        policy_of: the attribute of the entry that names the user's policy.
        policy_attributes: the attributes of a policy that `read` needs.
        default_policy: returns the DN of the policy for users whose entry names none, from the user's DN.
        count: returns the failures in an entry that still count, by the policy and the time.
        read: makes the policy from its entry; None if our account may not read it.
        lock_start: the attribute of the entry that holds when a lock began, if only the policy says when it
            ends.
    """

    counter: str
    attributes: tuple[str, ...] = ()
    policy_of: str
    policy_attributes: tuple[str, ...]
    default_policy: Callable[[str], str | None] = lambda _dn: None
    count: Callable[[Entry, LockoutPolicy | None, float], int]
    read: Callable[[Entry], LockoutPolicy | None]
    lock_start: str | None = None


class PasswordState(Enum):
    """What an entry says about its password."""

    VALID = auto()
    EXPIRED = auto()
    MUST_CHANGE = auto()


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock in force. `until` is its end in seconds since the epoch; None if the entry shows no end."""

    until: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One kind of directory. A setting overrides a member of the same name.

    Attributes:
        user_filter: filter that finds one user, with `{username}` for the login name.
        id_attribute: the stable id, which becomes `sub`.
        net_id_attribute: the login name as stored.
        password_changed_attribute: when the password was changed.
        password_expires_attribute: when the password expires, if the entry shows it.
        principal_name_attribute: the name that becomes the claim `eduperson_principal_name`.
        state_attributes: what the state of an account is read from.
        lingering_locks: those of `state_attributes` that stay in the entry after a lock has ended.
        account_refusal: returns the refusal of an account that is disabled, has ended or has not begun.
        lock: returns the lock that the entry certainly shows.
        password_state: returns what the entry says about its password.
        lockout: how failures are counted.
        group_attribute: the attribute that holds the user's groups.
        name_attributes: the attributes of the user's full name, the best first.
        mail_attribute: the mail address.
        claim_attributes: further standard claims (OpenID Connect Core 1.0, 5.1), each with its attribute.
        privacy: the attribute, or attribute=value, that marks users who ask for privacy.
        token_groups: whether the directory lists all groups of a user, nested ones too, as identifiers.
        unwilling_refuses: whether `unwillingToPerform`, as the answer to a bind, refuses the user.
    """

    user_filter: str
    id_attribute: str
    net_id_attribute: str
    password_changed_attribute: str
    password_expires_attribute: str | None = None
    principal_name_attribute: str = "eduPersonPrincipalName"
    state_attributes: tuple[str, ...]
    lingering_locks: tuple[str, ...] = ()
    account_refusal: Callable[[Entry, float], InvalidCredentials | None]
    lock: Callable[[Entry, float], Lock | None] = lambda _entry, _now: None
    password_state: Callable[[Entry, float], PasswordState] = lambda _entry, _now: PasswordState.VALID
    lockout: Lockout
    group_attribute: str = "memberOf"
    name_attributes: tuple[str, ...] = ("displayName", "cn")
    mail_attribute: str = "mail"
    claim_attributes: tuple[tuple[str, str], ...] = INET_ORG_PERSON
    privacy: str | None = None
    token_groups: bool = False
    unwilling_refuses: bool = False


def number_in(entry: Entry, attribute: str) -> int:
    """Return the number that an attribute holds; 0 if it holds none."""
    return from_number(entry.text(attribute)) or 0


def refusal_by_dates(
    now: float, *, start: int | None = None, end: int | None = None
) -> InvalidCredentials | None:
    """Return the refusal of an account outside of its dates, in seconds since the epoch; None is no date."""
    if end is not None and end <= now:
        return InvalidCredentials(Refusal.EXPIRED, "the account has ended")
    if start is not None and start > now:
        return InvalidCredentials(Refusal.NOT_NOW, "the account has not begun")
    return None
