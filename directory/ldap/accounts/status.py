"""Judges by an entry whether its user may log in.

Owns: which refusal follows from an entry, and the fingerprint by which two reads of an entry are compared.
Must not know: connections, and what the attributes of one kind mean (`kinds`). The rules of all kinds
apply to every entry: an attribute that is not in the entry says nothing.
"""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from directory.contract import InvalidCredentials, Refusal
from directory.ldap.kinds.profile import Lock, LockoutPolicy, PasswordState, Profile
from directory.ldap.kinds.profiles import PROFILES
from directory.ldap.protocol.entry import Entry, from_generalized_time, moment_of

_KINDS: Final = tuple(PROFILES.values())
# Most entries have none of these attributes, and then need no look at the rules.
_STATE_ATTRIBUTES: Final = frozenset(name.lower() for kind in _KINDS for name in kind.state_attributes)
_LOCK_STARTS: Final = tuple(kind.lockout.lock_start for kind in _KINDS if kind.lockout.lock_start)
_FINGERPRINT_OCTETS: Final = 8
# Most directories record whole seconds, and one second may see two changes.
_SETTLED_SECONDS: Final = 5


def refuse_inactive_account(entry: Entry, now: float) -> None:
    """Refuse a user whose account is disabled, has ended or has not begun, whatever the password is.

    Args:
        entry: the user's entry.
        now: seconds since the epoch.

    Raises:
        InvalidCredentials: `disabled`, `expired` or `not_now`.
    """
    if _STATE_ATTRIBUTES.isdisjoint(entry.attributes):
        return
    for kind in _KINDS:
        refusal = kind.account_refusal(entry, now)
        if refusal is not None:
            raise refusal


def refuse_locked_account(entry: Entry, now: float) -> None:
    """Refuse a user whose entry certainly shows a lock. At a login the bind decides instead.

    Args:
        entry: the user's entry.
        now: seconds since the epoch.

    Raises:
        InvalidCredentials: `locked`.
    """
    if _STATE_ATTRIBUTES.isdisjoint(entry.attributes):
        return
    for kind in _KINDS:
        lock = kind.lock(entry, now)
        if lock is not None:
            raise _locked(lock)


def refuse_locked_by_policy(entry: Entry, policy: LockoutPolicy | None, now: float) -> None:
    """Refuse a user whose entry shows when a lock began, by the policy that says when it ends (OpenLDAP).

    Args:
        entry: the user's entry.
        policy: the policy in force; None if our account may not read it. Then nothing is certain.
        now: seconds since the epoch.

    Raises:
        InvalidCredentials: `locked`.
    """
    for attribute in _LOCK_STARTS:
        start = from_generalized_time(entry.text(attribute))
        if start is None or policy is None:
            continue
        end = start + policy.duration if policy.duration else None
        if end is None or end > now:
            raise _locked(Lock(end))


def refuse_expired_password(entry: Entry, now: float, *, allow_must_change: bool) -> None:
    """Refuse a user whose password has expired, where the directory may accept the bind all the same.

    Args:
        entry: the user's entry.
        now: seconds since the epoch.
        allow_must_change: whether a password that an administrator set is accepted until it is changed.

    Raises:
        InvalidCredentials: `expired` or `must_change`.
    """
    if _STATE_ATTRIBUTES.isdisjoint(entry.attributes):
        return
    for kind in _KINDS:
        state = kind.password_state(entry, now)
        if state is PasswordState.EXPIRED:
            raise InvalidCredentials(Refusal.EXPIRED, "the password has expired")
        if state is PasswordState.MUST_CHANGE and not allow_must_change:
            raise InvalidCredentials(Refusal.MUST_CHANGE, "the password must be changed first")


def fingerprint_of(entry: Entry, profile: Profile, now: float) -> bytes:
    """Return a digest of the time of the last password change and of the account's state.

    A failed login does not change it until it locks the account. It is empty where two reads cannot be
    compared: if the directory does not show when the password was changed, or it was just changed, and while
    the account is locked or outside of its dates. Such a lock may end without a change to the entry, and
    until then a server may refuse a right password as wrong.

    Args:
        entry: the user's entry.
        profile: the kind of directory.
        now: seconds since the epoch.
    """
    changed = profile.password_changed_attribute
    changed_at = moment_of(changed, entry.text(changed))
    if changed_at is None or now - changed_at < _SETTLED_SECONDS:
        return b""
    if any(entry.texts(name) for name in profile.lingering_locks):
        return b""
    try:
        refuse_inactive_account(entry, now)
        refuse_locked_account(entry, now)
    except InvalidCredentials:
        return b""
    names = (changed, profile.password_expires_attribute or changed, *profile.state_attributes)
    values = [tuple(entry.attributes.get(name.lower(), ())) for name in names]
    return sha256(repr(values).encode()).digest()[:_FINGERPRINT_OCTETS]


def _locked(lock: Lock) -> InvalidCredentials:
    end = (
        ""
        if lock.until is None
        else f", until {datetime.fromtimestamp(lock.until, UTC):%Y-%m-%d %H:%M:%S} UTC"
    )
    return InvalidCredentials(Refusal.LOCKED, f"locked out after too many failures{end}")
