"""389 Directory Server."""

from typing import Final

from directory.contract import InvalidCredentials, Refusal
from directory.ldap.kinds.profile import FOREVER, Lock, Lockout, LockoutPolicy, Profile, number_in
from directory.ldap.protocol.entry import Entry, from_generalized_time, from_number

# The server's own default, in force where a policy does not set the limit.
_DEFAULT_LIMIT: Final = 3

# The unlock time of a lock that only an administrator ends.
_NEVER: Final = 0


def inactivated(entry: Entry) -> InvalidCredentials | None:
    """Return the refusal of an account that an administrator has inactivated. FreeIPA is built on 389-ds."""
    if (entry.text("nsAccountLock") or "").lower() == "true":
        return InvalidCredentials(Refusal.DISABLED, "inactivated by an administrator")
    return None


def _lock(entry: Entry, now: float) -> Lock | None:
    unlocked_at = from_generalized_time(entry.text("accountUnlockTime"))
    if unlocked_at == _NEVER:
        return Lock()
    return Lock(unlocked_at) if unlocked_at is not None and unlocked_at > now else None


def _count(entry: Entry, _policy: LockoutPolicy | None, now: float) -> int:
    """Read the counter. The server resets it at the next failure only, so an old counter is taken for 0."""
    reset_at = from_generalized_time(entry.text("retryCountResetTime"))
    return 0 if reset_at is not None and reset_at <= now else number_in(entry, "passwordRetryCount")


def _read_policy(entry: Entry) -> LockoutPolicy | None:
    if not entry.texts("objectClass"):
        return None
    limit = from_number(entry.text("passwordMaxFailure"))
    if (entry.text("passwordLockout") or "").lower() not in {"on", "true", "1"}:
        limit = 0
    is_temporary = (entry.text("passwordUnlock") or "on").lower() != "off"
    return LockoutPolicy(
        _DEFAULT_LIMIT if limit is None else limit,
        number_in(entry, "passwordResetFailureCount"),
        number_in(entry, "passwordLockoutDuration") if is_temporary else FOREVER,
    )


PROFILE: Final = Profile(
    user_filter="(uid={username})",
    id_attribute="nsUniqueId",
    net_id_attribute="uid",
    password_changed_attribute="pwdUpdateTime",  # noqa: S106 - an attribute's name
    password_expires_attribute="passwordExpirationTime",  # noqa: S106 - an attribute's name
    state_attributes=("nsAccountLock", "accountUnlockTime"),
    account_refusal=lambda entry, _now: inactivated(entry),
    lock=_lock,
    lockout=Lockout(
        counter="passwordRetryCount",
        attributes=("retryCountResetTime",),
        policy_of="pwdpolicysubentry",
        policy_attributes=(
            "objectClass",
            "passwordLockout",
            "passwordMaxFailure",
            "passwordResetFailureCount",
            "passwordLockoutDuration",
            "passwordUnlock",
        ),
        default_policy=lambda _dn: "cn=config",
        count=_count,
        read=_read_policy,
    ),
    unwilling_refuses=True,
)
