"""What an entry says about whether its person may log in.

Owns: the attributes of account states, what they mean, and how two looks at them are compared. A profile has
those read that its directory has; one that is not in the entry says nothing. Must not know: connections.
"""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from directory.contract import InvalidCredentials, Refusal
from directory.ldap.kinds.profile import LockoutPolicy, Profile
from directory.ldap.protocol.entry import Entry
from directory.ldap.protocol.ldap_time import from_filetime, from_generalized_time, from_number, moment_of

# "Until an administrator unlocks it" (draft-behera-ldap-password-policy-10, section 5.3.3).
_LOCKED_FOR_GOOD: Final = "000001010000Z"
# These stay until the next bind, though the lock has ended.
_LOCKS: Final = ("pwdAccountLockedTime", "pwdAccountTmpLockoutEnd")
_STATE_OCTETS: Final = 8
# Most directories count in whole seconds, of which each may have seen two changes.
_SETTLED_SECONDS: Final = 5
# Flags of Active Directory's userAccountControl and its computed sibling (MS-ADTS, section 2.2.16).
_ACCOUNT_DISABLED: Final = 0x2
_LOCKED_OUT: Final = 0x10
_PASSWORD_EXPIRED: Final = 0x80_0000
# An entry with none of these has nothing to say of its account, or of its password: most have none.
_OF_THE_ACCOUNT: Final = frozenset(
    {
        "pwdaccountlockedtime",
        "nsaccountlock",
        "useraccountcontrol",
        "pwdendtime",
        "krbprincipalexpiration",
        "accountexpires",
        "pwdstarttime",
    }
)
_OF_THE_PASSWORD: Final = frozenset({"krbpasswordexpiration", "msds-user-account-control-computed"})


def refuse_inactive_account(entry: Entry, now: float) -> None:
    """Refuse a person whose account is over, has not begun or was switched off, whatever the password.

    Args:
        entry: as read.
        now: seconds since the epoch.

    Raises:
        InvalidCredentials: `disabled`, `expired` or `not_now`.
    """
    if _OF_THE_ACCOUNT.isdisjoint(entry.attributes):
        return
    if entry.text("pwdAccountLockedTime") == _LOCKED_FOR_GOOD:
        raise InvalidCredentials(Refusal.DISABLED, "locked by an administrator")
    if (entry.text("nsAccountLock") or "").lower() == "true":
        raise InvalidCredentials(Refusal.DISABLED, "inactivated by an administrator")
    if _flags(entry, "userAccountControl") & _ACCOUNT_DISABLED:
        raise InvalidCredentials(Refusal.DISABLED, "disabled by an administrator")
    for end in (
        from_generalized_time(entry.text("pwdEndTime")),
        from_generalized_time(entry.text("krbPrincipalExpiration")),
        from_filetime(entry.text("accountExpires")),
    ):
        if end is not None and end <= now:
            raise InvalidCredentials(Refusal.EXPIRED, "the account has ended")
    start = from_generalized_time(entry.text("pwdStartTime"))
    if start is not None and start > now:
        raise InvalidCredentials(Refusal.NOT_NOW, "the account has not begun")


def refuse_locked_account(entry: Entry, now: float) -> None:
    """Refuse a person who is locked out for certain. For a login it is the bind that says so.

    OpenLDAP's `pwdAccountLockedTime` is when a lock began; when it ends, the server's policy alone knows.

    Args:
        entry: as read.
        now: seconds since the epoch.

    Raises:
        InvalidCredentials: `locked`.
    """
    # 0, in the year 1970, is 389-ds's "until an administrator unlocks it".
    unlocked = from_generalized_time(entry.text("accountUnlockTime"))
    tried_again = from_generalized_time(entry.text("pwdAccountTmpLockoutEnd"))
    if unlocked == 0 or _flags(entry, "msDS-User-Account-Control-Computed") & _LOCKED_OUT:
        raise _locked_until(None)
    for end in (unlocked, tried_again):
        if end is not None and end > now:
            raise _locked_until(end)


def refuse_locked_by_policy(entry: Entry, policy: LockoutPolicy | None, now: float) -> None:
    """Refuse a person whom OpenLDAP has locked out, by the policy that tells when the lock ends.

    Args:
        entry: as read.
        policy: in force for them, or None if it cannot be known: then nothing is certain.
        now: seconds since the epoch.

    Raises:
        InvalidCredentials: `locked`.
    """
    begun = from_generalized_time(entry.text("pwdAccountLockedTime"))
    if begun is None or policy is None:
        return
    end = begun + policy.duration if policy.duration else None
    if end is None or end > now:
        raise _locked_until(end)


def refuse_expired_password(entry: Entry, now: float, *, allow_must_change: bool) -> None:
    """Refuse a person whose password has had its time, where the directory lets them bind all the same.

    Args:
        entry: as read.
        now: seconds since the epoch.
        allow_must_change: whether a password that an administrator gave out is good until it is changed.

    Raises:
        InvalidCredentials: `expired` or `must_change`.
    """
    if _OF_THE_PASSWORD.isdisjoint(entry.attributes):
        return
    expiry = from_generalized_time(entry.text("krbPasswordExpiration"))
    expired_in_freeipa = expiry is not None and expiry <= now
    # FreeIPA has a password that an administrator gave out expire in the second in which it was set.
    given_out = expired_in_freeipa and entry.text("krbPasswordExpiration") == entry.text("krbLastPwdChange")
    if _flags(entry, "msDS-User-Account-Control-Computed") & _PASSWORD_EXPIRED or expired_in_freeipa:
        if not given_out and entry.text("pwdLastSet") != "0":
            raise InvalidCredentials(Refusal.EXPIRED, "the password has expired")
        if not allow_must_change:
            raise InvalidCredentials(Refusal.MUST_CHANGE, "the password must be changed first")


def fingerprint_of(entry: Entry, profile: Profile, now: float) -> bytes:
    """Make a digest of when the password was changed and of all that a login looks at of the account.

    A wrong try changes nothing of it until it locks. It is empty where no two looks can be compared: where
    the directory does not tell when the password was changed, or it was just now; and while an account is
    locked or out of its dates. Such a lock may end with no change to the entry, and until then a server may
    call a right password a wrong one.

    Args:
        entry: as read.
        profile: which of its attributes they are.
        now: seconds since the epoch.
    """
    changed = profile.password_changed_attribute
    moment = moment_of(changed, entry.text(changed))
    if moment is None or now - moment < _SETTLED_SECONDS or any(entry.texts(name) for name in _LOCKS):
        return b""
    try:
        refuse_inactive_account(entry, now)
        refuse_locked_account(entry, now)
    except InvalidCredentials:
        return b""
    names = (changed, profile.password_expires_attribute or changed, *profile.state_attributes)
    seen = [tuple(entry.attributes.get(name.lower(), ())) for name in names]
    return sha256(repr(seen).encode()).digest()[:_STATE_OCTETS]


def _locked_until(end: int | None) -> InvalidCredentials:
    until = f", until {datetime.fromtimestamp(end, UTC):%Y-%m-%d %H:%M:%S} UTC" if end else ""
    return InvalidCredentials(Refusal.LOCKED, f"locked out after too many failures{until}")


def _flags(entry: Entry, attribute: str) -> int:
    return from_number(entry.text(attribute)) or 0
