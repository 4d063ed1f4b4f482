"""What an entry says about whether its person may log in.

Owns: the attributes of account states, and what they mean. A profile has those read that its directory has;
one that is not in the entry says nothing. Must not know: connections, profiles.
"""

from typing import Final

from directory.contract import InvalidCredentials, Refusal
from directory.ldap.entry import Entry
from directory.ldap.moment import from_filetime, from_generalized_time, from_number

# "Until an administrator unlocks it" (draft-behera-ldap-password-policy-10, section 5.3.3).
_LOCKED_FOR_GOOD: Final = "000001010000Z"
# Flags of Active Directory's userAccountControl and its computed sibling (MS-ADTS, section 2.2.16).
_ACCOUNT_DISABLED: Final = 0x2
_LOCKED_OUT: Final = 0x10
_PASSWORD_EXPIRED: Final = 0x80_0000


def refuse_by_account(entry: Entry, now: float) -> None:
    """Refuse a person whose account is over, has not begun or was switched off, whatever the password.

    Args:
        entry: as read.
        now: seconds since the epoch.

    Raises:
        InvalidCredentials: `disabled`, `expired` or `not_now`.
    """
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


def refuse_by_lock(entry: Entry, now: float) -> None:
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
    if (
        unlocked == 0
        or any(end is not None and end > now for end in (unlocked, tried_again))
        or _flags(entry, "msDS-User-Account-Control-Computed") & _LOCKED_OUT
    ):
        raise InvalidCredentials(Refusal.LOCKED, "locked out after too many failures")


def refuse_by_password(entry: Entry, now: float, *, allow_must_change: bool) -> None:
    """Refuse a person whose password has had its time, where the directory lets them bind all the same.

    Args:
        entry: as read.
        now: seconds since the epoch.
        allow_must_change: whether a password that an administrator gave out is good until it is changed.

    Raises:
        InvalidCredentials: `expired` or `must_change`.
    """
    expiry = from_generalized_time(entry.text("krbPasswordExpiration"))
    expired_in_freeipa = expiry is not None and expiry <= now
    # FreeIPA has a password that an administrator gave out expire in the second in which it was set.
    given_out = expired_in_freeipa and entry.text("krbPasswordExpiration") == entry.text("krbLastPwdChange")
    if _flags(entry, "msDS-User-Account-Control-Computed") & _PASSWORD_EXPIRED or expired_in_freeipa:
        if not given_out and entry.text("pwdLastSet") != "0":
            raise InvalidCredentials(Refusal.EXPIRED, "the password has expired")
        if not allow_must_change:
            raise InvalidCredentials(Refusal.MUST_CHANGE, "the password must be changed first")


def _flags(entry: Entry, attribute: str) -> int:
    return from_number(entry.text(attribute)) or 0
