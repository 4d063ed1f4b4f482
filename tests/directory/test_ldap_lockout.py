"""Lockout counters and policies of each kind of directory, and fingerprints of accounts."""

from collections.abc import Mapping

import pytest

from directory import Refusal
from directory.ldap.accounts.status import fingerprint_of, refuse_locked_by_policy
from directory.ldap.kinds.active_directory import domain_of
from directory.ldap.kinds.profile import Lockout, LockoutPolicy
from directory.ldap.kinds.profiles import PROFILES
from directory.ldap.protocol.entry import Entry
from tests.conftest import NOON
from tests.directory.entries import entry, filetime, generalized, refused

AD = PROFILES["active-directory"]
OPENLDAP, DS389 = PROFILES["openldap"].lockout, PROFILES["389ds"].lockout
ACTIVE_DIRECTORY, FREEIPA = AD.lockout, PROFILES["freeipa"].lockout
HOUR = 3600
FOREVER = str(-(2**63))
AN_HOUR = str(-HOUR * 10_000_000)
POLICY = LockoutPolicy(5, window=HOUR)


def several(attribute: str, *values: str) -> Entry:
    """Make an entry with several values of one attribute."""
    return Entry("cn=somebody,dc=x", {attribute.lower(): tuple(value.encode() for value in values)})


@pytest.mark.parametrize(
    ("lockout", "seen", "policy", "failures"),
    [
        (OPENLDAP, entry(), POLICY, 0),
        (OPENLDAP, several("pwdFailureTime", generalized(NOON - HOUR), generalized(NOON)), POLICY, 2),
        (OPENLDAP, several("pwdFailureTime", generalized(NOON - HOUR - 1), generalized(NOON)), POLICY, 1),
        (
            OPENLDAP,
            several("pwdFailureTime", "20260115080000.123456Z", generalized(NOON)),
            LockoutPolicy(5),
            2,
        ),
        (OPENLDAP, several("pwdFailureTime", "20260115080000Z", generalized(NOON)), None, 2),
        (OPENLDAP, several("pwdFailureTime", "whenever"), POLICY, 1),
        (DS389, entry(passwordRetryCount="3", retryCountResetTime=generalized(NOON + 1)), None, 3),
        (DS389, entry(passwordRetryCount="3", retryCountResetTime=generalized(NOON)), POLICY, 0),
        (DS389, entry(passwordRetryCount="3"), POLICY, 3),
        (DS389, entry(), POLICY, 0),
        (ACTIVE_DIRECTORY, entry(badPwdCount="4", badPasswordTime=filetime(NOON - HOUR)), POLICY, 4),
        (ACTIVE_DIRECTORY, entry(badPwdCount="4", badPasswordTime=filetime(NOON - HOUR - 1)), POLICY, 0),
        (ACTIVE_DIRECTORY, entry(badPwdCount="4", badPasswordTime=filetime(1)), None, 4),
        (ACTIVE_DIRECTORY, entry(badPwdCount="4"), POLICY, 4),
        (FREEIPA, entry(krbLoginFailedCount="2", krbLastFailedAuth=generalized(NOON - 1)), POLICY, 2),
        (FREEIPA, entry(krbLoginFailedCount="2", krbLastFailedAuth=generalized(NOON - HOUR)), POLICY, 0),
        (FREEIPA, entry(krbLoginFailedCount="2"), None, 2),
    ],
)
def test_failures_that_still_count_are_counted(
    lockout: Lockout, seen: Entry, policy: LockoutPolicy | None, failures: int
) -> None:
    """The count is what the server would count at the next failure; an unclear value counts."""
    assert lockout.count(seen, policy, NOON) == failures


OPENLDAP_POLICY = {"pwdAttribute": "userPassword", "pwdLockout": "TRUE", "pwdMaxFailure": "5"}
IPA_POLICY = {"objectClass": "krbPwdPolicy", "krbPwdMaxFailure": "6", "krbPwdFailureCountInterval": "60"}
PSO = {
    "msDS_LockoutThreshold": "3",
    "msDS_LockoutObservationWindow": AN_HOUR,
    "msDS_LockoutDuration": FOREVER,
}


@pytest.mark.parametrize(
    ("lockout", "attributes", "policy"),
    [
        (OPENLDAP, OPENLDAP_POLICY, LockoutPolicy(5)),
        (
            OPENLDAP,
            {**OPENLDAP_POLICY, "pwdFailureCountInterval": "9", "pwdLockoutDuration": "8"},
            LockoutPolicy(5, 9, 8),
        ),
        (OPENLDAP, {**OPENLDAP_POLICY, "pwdLockout": "FALSE"}, LockoutPolicy(0)),
        (OPENLDAP, {"pwdAttribute": "userPassword", "pwdMaxFailure": "5"}, LockoutPolicy(0)),
        (OPENLDAP, {"pwdAttribute": "userPassword", "pwdLockout": "TRUE"}, LockoutPolicy(0)),
        # An account that may not read the mandatory attribute sees no policy, not a policy without lockout.
        (OPENLDAP, {}, None),
        (DS389, {}, None),
        (DS389, {"objectClass": "passwordPolicy"}, LockoutPolicy(0)),
        (DS389, {"objectClass": "passwordPolicy", "passwordLockout": "on"}, LockoutPolicy(3)),
        (
            DS389,
            {
                "objectClass": "top",
                "passwordLockout": "on",
                "passwordMaxFailure": "5",
                "passwordResetFailureCount": "600",
                "passwordLockoutDuration": "3600",
            },
            LockoutPolicy(5, 600, 3600),
        ),
        (
            DS389,
            {
                "objectClass": "top",
                "passwordLockout": "on",
                "passwordUnlock": "off",
                "passwordLockoutDuration": "9",
            },
            LockoutPolicy(3),
        ),
        (
            ACTIVE_DIRECTORY,
            {"lockoutThreshold": "5", "lockOutObservationWindow": AN_HOUR, "lockoutDuration": AN_HOUR},
            LockoutPolicy(5, HOUR, HOUR),
        ),
        (ACTIVE_DIRECTORY, {"lockoutThreshold": "0"}, LockoutPolicy(0)),
        (ACTIVE_DIRECTORY, PSO, LockoutPolicy(3, HOUR, 2**63 // 10_000_000)),
        (ACTIVE_DIRECTORY, {}, None),
        (FREEIPA, IPA_POLICY, LockoutPolicy(6, 60)),
        (FREEIPA, {"objectClass": "krbPwdPolicy"}, LockoutPolicy(0)),
        (FREEIPA, {}, None),
    ],
)
def test_policy_is_read_with_the_defaults_of_its_kind(
    lockout: Lockout, attributes: Mapping[str, str], policy: LockoutPolicy | None
) -> None:
    """A policy has the defaults of its kind; a hidden policy is None."""
    assert lockout.read(entry(**attributes)) == policy


@pytest.mark.parametrize(
    ("dn", "domain"),
    [
        ("CN=a,OU=b,DC=ad,DC=example", "DC=ad,DC=example"),
        ("dc=example", "dc=example"),
        ("uid=a,o=campus", ""),
        ("uid=dc\\=x,dc=y", "dc=y"),
        ("no DN", ""),
    ],
)
def test_domain_is_the_end_of_the_dn(dn: str, domain: str) -> None:
    """The domain is the sequence of dc parts at the end of a DN (RFC 2247)."""
    assert domain_of(dn) == domain


@pytest.mark.parametrize(
    ("locked", "policy", "refusal"),
    [
        (None, LockoutPolicy(5, duration=HOUR), None),
        (generalized(NOON - HOUR + 1), LockoutPolicy(5, duration=HOUR), Refusal.LOCKED),
        (generalized(NOON - HOUR), LockoutPolicy(5, duration=HOUR), None),
        (generalized(NOON - HOUR), LockoutPolicy(5), Refusal.LOCKED),
        (generalized(NOON), None, None),
        ("000001010000Z", LockoutPolicy(5), None),  # an administrator's lock, and no lockout
    ],
)
def test_openldap_lock_ends_by_its_policy(
    locked: str | None, policy: LockoutPolicy | None, refusal: Refusal | None
) -> None:
    """Only the policy says when a lock ends (draft-behera-ldap-password-policy-10, 5.3.3)."""
    seen = entry(**({"pwdAccountLockedTime": locked} if locked else {}))
    assert refused(lambda: refuse_locked_by_policy(seen, policy, NOON)) is refusal


CHANGED = {
    "openldap": {"pwdChangedTime": generalized(NOON - 9)},
    "389ds": {"pwdUpdateTime": generalized(NOON - 9)},
    "active-directory": {"pwdLastSet": filetime(NOON - 9)},
    "freeipa": {"krbLastPwdChange": generalized(NOON - 9)},
}
# Changes after which a wrong password may be right.
SIGNIFICANT = {
    "openldap": {"pwdReset": "TRUE"},
    "389ds": {"passwordExpirationTime": "19700101000000Z"},
    "active-directory": {"userAccountControl": "66048"},
    "freeipa": {"krbPasswordExpiration": generalized(NOON - 9)},
}
# Changes by a failed login, and changes that do not concern passwords.
INSIGNIFICANT = {
    "pwdFailureTime": generalized(NOON),
    "passwordRetryCount": "1",
    "badPwdCount": "1",
    "badPasswordTime": filetime(NOON),
    "krbLoginFailedCount": "1",
    "krbLastFailedAuth": generalized(NOON),
    "mail": "new@campus.example",
}


@pytest.mark.parametrize("name", PROFILES)
def test_fingerprint_changes_with_password_and_account_only(name: str) -> None:
    """A fingerprint changes if a wrong password may have become right, and otherwise not."""
    profile, before = PROFILES[name], CHANGED[name]
    fingerprint = fingerprint_of(entry(**before), profile, NOON)
    assert len(fingerprint) == 8
    assert fingerprint_of(entry(**before, **INSIGNIFICANT), profile, NOON + 1) == fingerprint
    assert fingerprint_of(entry(**before, **SIGNIFICANT[name]), profile, NOON) not in {b"", fingerprint}
    changed = dict.fromkeys(before, filetime(NOON - 8) if profile is AD else generalized(NOON - 8))
    assert fingerprint_of(entry(**changed), profile, NOON) not in {b"", fingerprint}


@pytest.mark.parametrize(
    ("name", "more", "now"),
    [
        *((name, {}, NOON - 9 + seconds) for name in PROFILES for seconds in (4, -HOUR)),
        ("openldap", {"pwdAccountLockedTime": generalized(NOON - HOUR)}, NOON),
        ("openldap", {"pwdAccountTmpLockoutEnd": generalized(NOON - HOUR)}, NOON),
        ("openldap", {"pwdEndTime": generalized(NOON)}, NOON),
        ("openldap", {"pwdStartTime": generalized(NOON + 1)}, NOON),
        ("389ds", {"accountUnlockTime": generalized(NOON + 1)}, NOON),
        ("389ds", {"nsAccountLock": "true"}, NOON),
        ("active-directory", {"msDS_User_Account_Control_Computed": "16"}, NOON),
        ("active-directory", {"userAccountControl": "514"}, NOON),
        ("freeipa", {"krbPrincipalExpiration": generalized(NOON)}, NOON),
    ],
)
def test_fingerprint_is_empty_if_nothing_is_certain(name: str, more: Mapping[str, str], now: int) -> None:
    """An account has no fingerprint just after a change, during a lock, and outside of its dates."""
    assert fingerprint_of(entry(**CHANGED[name]), PROFILES[name], NOON) != b""
    assert fingerprint_of(entry(**CHANGED[name], **more), PROFILES[name], now) == b""


@pytest.mark.parametrize("name", PROFILES)
def test_fingerprint_is_empty_without_the_time_of_the_change(name: str) -> None:
    """If the directory does not show when the password was changed, reads cannot be compared."""
    assert fingerprint_of(entry(**INSIGNIFICANT), PROFILES[name], NOON) == b""
