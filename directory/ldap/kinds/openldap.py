"""OpenLDAP, with its password policy overlay (slapo-ppolicy)."""

from typing import Final

from directory.ldap.kinds.profile import FOREVER, Lockout, LockoutPolicy, Profile, number_in
from directory.ldap.protocol.entry import Entry
from directory.ldap.protocol.ldap_time import from_generalized_time


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
    ),
)
