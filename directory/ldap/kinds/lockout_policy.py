"""Where each kind of directory counts an account's failures, and the policy that says how many are too many.

Owns: the attributes of counters and of policies, and what they mean. Must not know: connections.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ldap3.core.exceptions import LDAPInvalidDnError
from ldap3.utils.dn import parse_dn

from directory.ldap.protocol.entry import Entry
from directory.ldap.protocol.ldap_time import from_filetime, from_generalized_time, from_number

_FILETIME_STEPS: Final = 10_000_000  # in a second
# What 389-ds locks after where a policy of its own says nothing of it.
_DEFAULT_OF_389DS: Final = 3
_FOR_GOOD: Final = 0


@dataclass(frozen=True, slots=True)
class Policy:
    """How many failures lock an account (0: none ever do), and what becomes of them and of the lock.

    `window` is after how many seconds a failure is forgotten, 0 for never; `duration` for how many seconds a
    lock lasts, 0 until it is lifted.
    """

    limit: int
    window: int = _FOR_GOOD
    duration: int = _FOR_GOOD


@dataclass(frozen=True, slots=True, kw_only=True)
class Lockout:
    """How one kind of directory locks people out.

    `counter` is the attribute of a person's entry that the failures stand in, and `attributes` what else must
    be read beside it; `policy_of` the attribute that names the person's policy, and `default_policy` finds
    the DN of the one of those who have none, from the person's DN. `count` makes the failures of now of an
    entry, `read` a policy of its entry, or None if that may not be read.
    """

    counter: str
    attributes: tuple[str, ...] = ()
    policy_of: str
    policy_attributes: tuple[str, ...]
    default_policy: Callable[[str], str | None] = lambda _dn: None
    count: Callable[[Entry, Policy | None, float], int]
    read: Callable[[Entry], Policy | None]


def domain_of(dn: str) -> str:
    """The part of a DN that names a domain (RFC 2247)."""
    try:
        parts = [(kind, value) for kind, value, _ in parse_dn(dn)]
    except LDAPInvalidDnError:
        return ""
    first = len(parts)
    while first and parts[first - 1][0].lower() == "dc":
        first -= 1
    return ",".join(f"{kind}={value}" for kind, value in parts[first:])


def _openldap_count(entry: Entry, policy: Policy | None, now: float) -> int:
    """Count the moments of failures (draft-behera-ldap-password-policy-10, section 5.3.4)."""
    window = policy.window if policy else _FOR_GOOD
    moments = [from_generalized_time(text) for text in entry.texts("pwdFailureTime")]
    return sum(not window or moment is None or moment + window >= now for moment in moments)


def _openldap_policy(entry: Entry) -> Policy | None:
    # It must be in every policy: whoever does not see it does not see the rest either.
    if entry.text("pwdAttribute") is None:
        return None
    limit = _number(entry, "pwdMaxFailure") if entry.text("pwdLockout") == "TRUE" else 0
    return Policy(limit, _number(entry, "pwdFailureCountInterval"), _number(entry, "pwdLockoutDuration"))


def _389ds_count(entry: Entry, _policy: Policy | None, now: float) -> int:
    """Take the count, unless its end has come: it is set to zero at the next failure only."""
    end = from_generalized_time(entry.text("retryCountResetTime"))
    return 0 if end is not None and end <= now else _number(entry, "passwordRetryCount")


def _389ds_policy(entry: Entry) -> Policy | None:
    if not entry.texts("objectClass"):
        return None
    limit = from_number(entry.text("passwordMaxFailure"))
    if (entry.text("passwordLockout") or "").lower() not in {"on", "true", "1"}:
        limit = 0
    unlocks = (entry.text("passwordUnlock") or "on").lower() != "off"
    duration = _number(entry, "passwordLockoutDuration") if unlocks else _FOR_GOOD
    limit = _DEFAULT_OF_389DS if limit is None else limit
    return Policy(limit, _number(entry, "passwordResetFailureCount"), duration)


def _active_directory_count(entry: Entry, policy: Policy | None, now: float) -> int:
    """Take the count, unless its window is over: it stands there until the next try (MS-SAMR, 3.1.1.7.1)."""
    last = from_filetime(entry.text("badPasswordTime"))
    over = policy is not None and policy.window and last is not None and last + policy.window < now
    return 0 if over else _number(entry, "badPwdCount")


def _active_directory_policy(entry: Entry) -> Policy | None:
    """Read the domain's policy, or one of those for some of its people (MS-ADTS, section 3.1.1.4.5.36)."""
    for limit, window, duration in (
        ("msDS-LockoutThreshold", "msDS-LockoutObservationWindow", "msDS-LockoutDuration"),
        ("lockoutThreshold", "lockOutObservationWindow", "lockoutDuration"),
    ):
        most = from_number(entry.text(limit))
        if most is not None:
            return Policy(most, *(-_number(entry, name) // _FILETIME_STEPS for name in (window, duration)))
    return None


def _freeipa_count(entry: Entry, policy: Policy | None, now: float) -> int:
    last = from_generalized_time(entry.text("krbLastFailedAuth"))
    over = policy is not None and policy.window and last is not None and last + policy.window <= now
    return 0 if over else _number(entry, "krbLoginFailedCount")


def _freeipa_policy(entry: Entry) -> Policy | None:
    if not entry.texts("objectClass"):
        return None
    return Policy(
        *(
            _number(entry, name)
            for name in ("krbPwdMaxFailure", "krbPwdFailureCountInterval", "krbPwdLockoutDuration")
        )
    )


def _number(entry: Entry, attribute: str) -> int:
    return from_number(entry.text(attribute)) or 0


OPENLDAP: Final = Lockout(
    counter="pwdFailureTime",
    policy_of="pwdPolicySubentry",
    policy_attributes=(
        "pwdAttribute",
        "pwdLockout",
        "pwdMaxFailure",
        "pwdFailureCountInterval",
        "pwdLockoutDuration",
    ),
    count=_openldap_count,
    read=_openldap_policy,
)

DS389: Final = Lockout(
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
    count=_389ds_count,
    read=_389ds_policy,
)

ACTIVE_DIRECTORY: Final = Lockout(
    counter="badPwdCount",
    attributes=("badPasswordTime",),
    policy_of="msDS-ResultantPSO",
    policy_attributes=(
        "lockoutThreshold",
        "lockOutObservationWindow",
        "lockoutDuration",
        "msDS-LockoutThreshold",
        "msDS-LockoutObservationWindow",
        "msDS-LockoutDuration",
    ),
    default_policy=domain_of,
    count=_active_directory_count,
    read=_active_directory_policy,
)

FREEIPA: Final = Lockout(
    counter="krbLoginFailedCount",
    attributes=("krbLastFailedAuth",),
    policy_of="krbPwdPolicyReference",
    policy_attributes=(
        "objectClass",
        "krbPwdMaxFailure",
        "krbPwdFailureCountInterval",
        "krbPwdLockoutDuration",
    ),
    count=_freeipa_count,
    read=_freeipa_policy,
)
