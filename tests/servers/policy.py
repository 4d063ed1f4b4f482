"""Servers that lock users out after five failures, with their administrators.

Owns: users under a password policy that counts failures, on each kind of server, and the settings of NetID
OAuth for it. Must not know: what is tested.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from tests.servers.administrator import (
    Administrator,
    Ds389Administrator,
    SambaAdministrator,
    SlapdAdministrator,
)
from tests.servers.ds389 import Ds389, as_on_389ds, require_ds389
from tests.servers.samba import DOMAIN, Samba, require_samba
from tests.servers.samba import PEOPLE as SAMBA_PEOPLE
from tests.servers.slapd import SUFFIX, Slapd, SlapdSettings, require_slapd

LIMIT = 5
LOCKING = f"cn=locking-after-some,ou=policies,{SUFFIX}"
_HOUR = 3600
_SERVICE = f"cn=svc,ou=services,{SUFFIX}"
# A campus lets the service account read the lockout policy, but not the root's password.
_MAY_READ_POLICY = (
    '(targetattr = "objectClass || passwordLockout || passwordMaxFailure || passwordResetFailureCount || '
    'passwordLockoutDuration || passwordUnlock")'
    f'(version 3.0; acl "policy"; allow (read, search) userdn = "ldap:///{_SERVICE}";)'
)
_MAY_READ_NOTHING = '(targetattr = "cn")(version 3.0; acl "none"; allow (read) userdn = "ldap:///cn=nobody";)'
_PROJECT = Path(__file__).parents[2]
_PEOPLE = (_PROJECT / "directory" / "campus.ldif", _PROJECT / "tests" / "directory" / "extra.ldif")


@dataclass(frozen=True)
class Locking:
    """A server's administrator, and an operator's settings of NetID OAuth for the server."""

    administrator: Administrator
    settings: Mapping[str, str]


@dataclass(frozen=True)
class PolicySlapd:
    """An OpenLDAP with this policy."""

    server: Slapd
    administrator: SlapdAdministrator

    @property
    def settings(self) -> Mapping[str, str]:
        """The operator's settings, with the service account."""
        return _settings(self.server.ldap, self.server.ca_file)


def start_policy_slapd(
    folder: Path,
    *,
    limit: int = LIMIT,
    window: int = _HOUR,
    duration: int = _HOUR,
    access: str = "",
    authority: trustme.CA | None = None,
) -> PolicySlapd:
    """Start a slapd that locks a user out after `limit` failures; the caller stops its `server`.

    Args:
        folder: for its data; it must not exist.
        limit: failures that lock a user out.
        window: seconds after which a failure expires; 0 for never.
        duration: seconds that a lock lasts; 0 for until an administrator unlocks the user.
        access: access rules before the usual ones, in the syntax of slapd.conf.
        authority: issues its certificate; a new authority by default.
    """
    ldif = _under_policy(_people()) + _policy(limit, window, duration)
    server = Slapd(folder, authority or trustme.CA(), ldif, SlapdSettings(access=access))
    server.start()
    return PolicySlapd(server, SlapdAdministrator(server))


@pytest.fixture
def policy_slapd(tmp_path: Path) -> Iterator[PolicySlapd]:
    """A slapd for one test. Five failures within an hour lock a user out for an hour."""
    require_slapd()
    made = start_policy_slapd(tmp_path / "policy-slapd")
    yield made
    made.server.stop()


@pytest.fixture(scope="module")
def policy_ds389(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locking]:
    """A 389-ds for the tests of a module, with the users of `policy_slapd`. Tests must unlock them."""
    require_ds389()
    server = Ds389(tmp_path_factory.mktemp("ds389") / "data", trustme.CA(), as_on_389ds(_people()))
    server.start()
    administrator = Ds389Administrator(server)
    lock_on_389ds(administrator)
    yield Locking(administrator, {**_settings(server.ldap, server.ca_file), "NETID_LDAP_PROFILE": "389ds"})
    server.stop()


@pytest.fixture(scope="module")
def policy_samba(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locking]:
    """A domain controller for the tests of a module, with alice and bob. Tests must unlock them."""
    require_samba()
    server = Samba(tmp_path_factory.mktemp("samba") / "dc1", trustme.CA())
    try:
        server.start()
        server.change(DOMAIN, {"pwdProperties": 0, "minPwdLength": 1, "minPwdAge": 0, "pwdHistoryLength": 0})
        server.add(SAMBA_PEOPLE, objectClass=["organizationalUnit"])
        for name in ("svc", "alice", "bob"):
            server.add_person(name, f"{name}-password")
        lock_on_samba(server)
        settings = {
            **_settings(server.ldaps, server.ca_file),
            "NETID_LDAP_PROFILE": "active-directory",
            "NETID_LDAP_BIND_DN": f"CN=svc,{SAMBA_PEOPLE}",
            "NETID_LDAP_USER_BASE": SAMBA_PEOPLE,
        }
        yield Locking(SambaAdministrator(server), settings)
    finally:
        server.stop()


def lock_on_389ds(administrator: Ds389Administrator) -> None:
    """Lock users out for an hour after `LIMIT` failures, and let the service account read the policy."""
    times = {"passwordLockoutDuration": str(_HOUR), "passwordResetFailureCount": str(_HOUR)}
    limit = {"passwordLockout": "on", "passwordMaxFailure": str(LIMIT)}
    administrator.change("cn=config", {**times, **limit, "aci": _MAY_READ_POLICY})


def lock_nobody_on_389ds(administrator: Ds389Administrator) -> None:
    """Undo `lock_on_389ds`."""
    administrator.change("cn=config", {"passwordLockout": "off", "aci": _MAY_READ_NOTHING})


def lock_on_samba(server: Samba, limit: int = LIMIT) -> None:
    """Lock users of the domain out for an hour after `limit` failures; 0 for never."""
    hour = -_HOUR * 10_000_000  # in Active Directory's steps of 100 ns
    server.change(
        DOMAIN, {"lockoutThreshold": limit, "lockOutObservationWindow": hour, "lockoutDuration": hour}
    )


def _people() -> bytes:
    return b"\n".join(path.read_bytes() for path in _PEOPLE)


def _settings(uri: str, ca_file: Path) -> Mapping[str, str]:
    return {
        "NETID_LDAP_URI": uri,
        "NETID_LDAP_CA_FILE": str(ca_file),
        "NETID_LDAP_BIND_DN": _SERVICE,
        "NETID_LDAP_BIND_PASSWORD": "svc-password",
        "NETID_LDAP_USER_BASE": f"ou=people,{SUFFIX}",
    }


def _policy(limit: int, window: int, duration: int) -> bytes:
    return f"""
dn: {LOCKING}
objectClass: pwdPolicy
objectClass: person
cn: locking-after-some
sn: some
pwdAttribute: userPassword
pwdLockout: TRUE
pwdMaxFailure: {limit}
pwdFailureCountInterval: {window}
pwdLockoutDuration: {duration}
""".encode()


def _under_policy(ldif: bytes) -> bytes:
    """Set the policy in each entry that has a login name and a password."""
    return b"\n\n".join(
        block.rstrip() + f"\npwdPolicySubentry: {LOCKING}".encode()
        if b"\nuid:" in block and b"\nuserPassword:" in block
        else block
        for block in ldif.split(b"\n\n")
    )
