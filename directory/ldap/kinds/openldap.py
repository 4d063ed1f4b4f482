"""OpenLDAP, with its password policy overlay (slapo-ppolicy)."""

from typing import Final

from directory.contract import InvalidCredentials, Refusal
from directory.ldap.kinds.profile import (
    FOREVER,
    Lock,
    Lockout,
    LockoutPolicy,
    Profile,
    number_in,
    refusal_by_dates,
)
from directory.ldap.protocol.entry import Entry, from_generalized_time

# An administrator's lock, without an end (draft-behera-ldap-password-policy-10, section 5.3.3).
_LOCKED_BY_ADMINISTRATOR: Final = "000001010000Z"


def _account_refusal(entry: Entry, now: float) -> InvalidCredentials | None:
    if entry.text("pwdAccountLockedTime") == _LOCKED_BY_ADMINISTRATOR:
        return InvalidCredentials(Refusal.DISABLED, "locked by an administrator")
    return refusal_by_dates(
        now,
        start=from_generalized_time(entry.text("pwdStartTime")),
        end=from_generalized_time(entry.text("pwdEndTime")),
    )


def _lock(entry: Entry, now: float) -> Lock | None:
    """Return a temporary lock. Only the policy says when the lock of `pwdAccountLockedTime` ends."""
    end = from_generalized_time(entry.text("pwdAccountTmpLockoutEnd"))
    return Lock(end) if end is not None and end > now else None


def _count(entry: Entry, policy: LockoutPolicy | None, now: float) -> int:
    """Count the recorded failures in the window (draft-behera-ldap-password-policy-10, section 5.3.4)."""
    window = policy.window if policy else FOREVER
    failures = [from_generalized_time(text) for text in entry.texts("pwdFailureTime")]
    return sum(not window or moment is None or moment + window >= now for moment in failures)


def _read_policy(entry: Entry) -> LockoutPolicy | None:
    # Every policy has this attribute. An account that may not read it may not read the others either.
    if entry.text("pwdAttribute") is None:
        return None
    limit = number_in(entry, "pwdMaxFailure") if entry.text("pwdLockout") == "TRUE" else 0
    return LockoutPolicy(
        limit, number_in(entry, "pwdFailureCountInterval"), number_in(entry, "pwdLockoutDuration")
    )


PROFILE: Final = Profile(
    user_filter="(uid={username})",
    id_attribute="entryUUID",
    net_id_attribute="uid",
    password_changed_attribute="pwdChangedTime",  # noqa: S106 - an attribute's name
    state_attributes=(
        "pwdAccountLockedTime",
        "pwdAccountTmpLockoutEnd",
        "pwdReset",
        "pwdStartTime",
        "pwdEndTime",
    ),
    lingering_locks=("pwdAccountLockedTime", "pwdAccountTmpLockoutEnd"),
    account_refusal=_account_refusal,
    lock=_lock,
    lockout=Lockout(
        counter="pwdFailureTime",
        policy_of="pwdPolicySubentry",
        policy_attributes=(
            "pwdAttribute",
            "pwdLockout",
            "pwdMaxFailure",
            "pwdFailureCountInterval",
            "pwdLockoutDuration",
        ),
        count=_count,
        read=_read_policy,
        lock_start="pwdAccountLockedTime",
    ),
)
