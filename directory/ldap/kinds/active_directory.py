"""Active Directory, and Samba as its domain controller."""

from importlib import import_module
from typing import Final

from directory.contract import InvalidCredentials, Refusal
from directory.ldap.kinds.claim_attributes import INET_ORG_PERSON, replaced
from directory.ldap.kinds.profile import (
    Lock,
    Lockout,
    LockoutPolicy,
    PasswordState,
    Profile,
    number_in,
    refusal_by_dates,
)
from directory.ldap.protocol.entry import FILETIME_STEPS, Entry, from_filetime, from_number

# Flags of userAccountControl, and of the computed attribute beside it (MS-ADTS, section 2.2.16).
_ACCOUNT_DISABLED: Final = 0x2
_LOCKED_OUT: Final = 0x10
_PASSWORD_EXPIRED: Final = 0x80_0000
_COMPUTED: Final = "msDS-User-Account-Control-Computed"
# Limit, window and duration: of a fine-grained policy, which takes precedence, and of the domain.
_POLICY_ATTRIBUTES: Final = (
    ("msDS-LockoutThreshold", "msDS-LockoutObservationWindow", "msDS-LockoutDuration"),
    ("lockoutThreshold", "lockOutObservationWindow", "lockoutDuration"),
)


def domain_of(dn: str) -> str:
    """Return the part of a DN that names its domain (RFC 2247); empty if there is none."""
    # Imported here, so that commands start without the library.
    names = import_module("ldap3.utils.dn")
    try:
        parts = [(kind, value) for kind, value, _ in names.parse_dn(dn)]
    except import_module("ldap3.core.exceptions").LDAPInvalidDnError:
        return ""
    first = len(parts)
    while first and parts[first - 1][0].lower() == "dc":
        first -= 1
    return ",".join(f"{kind}={value}" for kind, value in parts[first:])


def _account_refusal(entry: Entry, now: float) -> InvalidCredentials | None:
    if number_in(entry, "userAccountControl") & _ACCOUNT_DISABLED:
        return InvalidCredentials(Refusal.DISABLED, "disabled by an administrator")
    return refusal_by_dates(now, end=from_filetime(entry.text("accountExpires")))


def _password_state(entry: Entry, _now: float) -> PasswordState:
    if not number_in(entry, _COMPUTED) & _PASSWORD_EXPIRED:
        return PasswordState.VALID
    return PasswordState.MUST_CHANGE if entry.text("pwdLastSet") == "0" else PasswordState.EXPIRED


def _count(entry: Entry, policy: LockoutPolicy | None, now: float) -> int:
    """Read the counter, or 0 after its window: the server resets it at the next try (MS-SAMR, 3.1.1.7.1)."""
    last = from_filetime(entry.text("badPasswordTime"))
    is_over = policy is not None and policy.window and last is not None and last + policy.window < now
    return 0 if is_over else number_in(entry, "badPwdCount")


def _read_policy(entry: Entry) -> LockoutPolicy | None:
    """Read a fine-grained policy (MS-ADTS, section 3.1.1.4.5.36), or the domain's policy."""
    for limit_attribute, *times in _POLICY_ATTRIBUTES:
        limit = from_number(entry.text(limit_attribute))
        if limit is not None:
            # Active Directory stores durations as negative numbers.
            return LockoutPolicy(limit, *(-number_in(entry, name) // FILETIME_STEPS for name in times))
    return None


PROFILE: Final = Profile(
    # A user who types a user principal name is found by it, whatever realms are listed.
    user_filter=(
        "(&(objectCategory=person)(objectClass=user)"
        "(|(sAMAccountName={username})(userPrincipalName={username})))"
    ),
    id_attribute="objectGUID",
    net_id_attribute="sAMAccountName",
    password_changed_attribute="pwdLastSet",  # noqa: S106 - an attribute's name
    password_expires_attribute="msDS-UserPasswordExpiryTimeComputed",  # noqa: S106 - an attribute's name
    principal_name_attribute="userPrincipalName",
    claim_attributes=replaced(
        INET_ORG_PERSON, {"address.street_address": "streetAddress", "website": "wWWHomePage"}
    ),
    state_attributes=(
        "userAccountControl",
        # Shows lockout and expiry as they are now. `lockoutTime` stays long after a lock has ended.
        _COMPUTED,
        "accountExpires",
        "pwdLastSet",
    ),
    account_refusal=_account_refusal,
    lock=lambda entry, _now: Lock() if number_in(entry, _COMPUTED) & _LOCKED_OUT else None,
    password_state=_password_state,
    lockout=Lockout(
        counter="badPwdCount",
        attributes=("badPasswordTime",),
        policy_of="msDS-ResultantPSO",
        policy_attributes=tuple(name for names in _POLICY_ATTRIBUTES for name in names),
        default_policy=domain_of,
        count=_count,
        read=_read_policy,
    ),
    token_groups=True,
)
