"""FreeIPA. It is untested: the profile follows FreeIPA's documentation."""

from typing import Final

from directory.contract import InvalidCredentials
from directory.ldap.kinds.ds389 import inactivated
from directory.ldap.kinds.profile import (
    Lockout,
    LockoutPolicy,
    PasswordState,
    Profile,
    number_in,
    refusal_by_dates,
)
from directory.ldap.protocol.entry import Entry, from_generalized_time

_POLICY_NUMBERS: Final = ("krbPwdMaxFailure", "krbPwdFailureCountInterval", "krbPwdLockoutDuration")


def _account_refusal(entry: Entry, now: float) -> InvalidCredentials | None:
    end = from_generalized_time(entry.text("krbPrincipalExpiration"))
    return inactivated(entry) or refusal_by_dates(now, end=end)


def _password_state(entry: Entry, now: float) -> PasswordState:
    """A password that an administrator set expires in the second in which it was set."""
    expires, changed = entry.text("krbPasswordExpiration"), entry.text("krbLastPwdChange")
    expires_at = from_generalized_time(expires)
    if expires_at is None or expires_at > now:
        return PasswordState.VALID
    return PasswordState.MUST_CHANGE if expires == changed else PasswordState.EXPIRED


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
    account_refusal=_account_refusal,
    password_state=_password_state,
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
