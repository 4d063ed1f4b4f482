"""FreeIPA. It is untested: the profile follows FreeIPA's documentation."""

from typing import Final

from directory.ldap.kinds.profile import Lockout, LockoutPolicy, Profile, number_in
from directory.ldap.protocol.entry import Entry
from directory.ldap.protocol.ldap_time import from_generalized_time

_POLICY_NUMBERS: Final = ("krbPwdMaxFailure", "krbPwdFailureCountInterval", "krbPwdLockoutDuration")


def _count(entry: Entry, policy: LockoutPolicy | None, now: float) -> int:
    """Read the counter, or 0 after its window."""
    last = from_generalized_time(entry.text("krbLastFailedAuth"))
    is_over = policy is not None and policy.window and last is not None and last + policy.window <= now
    return 0 if is_over else number_in(entry, "krbLoginFailedCount")


def _read_policy(entry: Entry) -> LockoutPolicy | None:
    if not entry.texts("objectClass"):
        return None
    return LockoutPolicy(*(number_in(entry, name) for name in _POLICY_NUMBERS))


PROFILE: Final = Profile(
    # cn=compat shows the same users again, without this object class.
    user_filter="(&(objectClass=person)(uid={username}))",
    id_attribute="ipaUniqueID",
    net_id_attribute="uid",
    password_changed_attribute="krbLastPwdChange",  # noqa: S106 - an attribute's name
    password_expires_attribute="krbPasswordExpiration",  # noqa: S106 - an attribute's name
    principal_name_attribute="krbPrincipalName",
    state_attributes=("nsAccountLock", "krbPrincipalExpiration", "krbPasswordExpiration", "krbLastPwdChange"),
    lockout=Lockout(
        counter="krbLoginFailedCount",
        attributes=("krbLastFailedAuth",),
        policy_of="krbPwdPolicyReference",
        policy_attributes=("objectClass", *_POLICY_NUMBERS),
        count=_count,
        read=_read_policy,
    ),
    unwilling_refuses=True,
)
