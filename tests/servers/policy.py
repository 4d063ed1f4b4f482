"""A slapd that locks people out, and whoever administers it.

Owns: the people of the embedded directory under a password policy that counts failures. Must not know: what
is tested.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from tests.servers.administrator import OfSlapd
from tests.servers.slapd import SUFFIX, Slapd, SlapdSettings, require_slapd

LIMIT = 5
LOCKING = f"cn=locking-after-some,ou=policies,{SUFFIX}"
_HOUR = 3600
_PROJECT = Path(__file__).parents[2]
_PEOPLE = (_PROJECT / "directory" / "campus.ldif", _PROJECT / "tests" / "directory" / "extra.ldif")


@dataclass(frozen=True)
class PolicySlapd:
    """The server, who administers it, and the settings of a NetID OAuth over it."""

    server: Slapd
    administrator: OfSlapd

    @property
    def settings(self) -> Mapping[str, str]:
        """As an operator writes them, the service account included."""
        return {
            "NETID_LDAP_URI": self.server.ldap,
            "NETID_LDAP_CA_FILE": str(self.server.ca_file),
            "NETID_LDAP_BIND_DN": f"cn=svc,ou=services,{SUFFIX}",
            "NETID_LDAP_BIND_PASSWORD": "svc-password",
            "NETID_LDAP_USER_BASE": f"ou=people,{SUFFIX}",
        }


def start_policy_slapd(
    folder: Path,
    *,
    limit: int = LIMIT,
    window: int = _HOUR,
    duration: int = _HOUR,
    access: str = "",
    authority: trustme.CA | None = None,
) -> PolicySlapd:
    """Start a slapd on which so many failures lock a person out; the caller stops its `server`.

    Args:
        folder: for its data, not there yet.
        limit: how many.
        window: seconds after which a failure is forgotten; 0 for never.
        duration: seconds that a lock lasts; 0 until it is lifted.
        access: rules of access before the usual ones, as slapd.conf has them.
        authority: where its certificate comes from; else one of its own.
    """
    people = b"\n".join(path.read_bytes() for path in _PEOPLE)
    ldif = _under_policy(people) + _policy(limit, window, duration)
    server = Slapd(folder, authority or trustme.CA(), ldif, SlapdSettings(access=access))
    server.start()
    return PolicySlapd(server, OfSlapd(server))


@pytest.fixture
def policy_slapd(tmp_path: Path) -> Iterator[PolicySlapd]:
    """A slapd of a test's own, on which five failures within an hour lock a person out for an hour."""
    require_slapd()
    made = start_policy_slapd(tmp_path / "policy-slapd")
    yield made
    made.server.stop()


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
    """Name the policy in the entry of everybody who has a login name and a password."""
    return b"\n\n".join(
        block.rstrip() + f"\npwdPolicySubentry: {LOCKING}".encode()
        if b"\nuid:" in block and b"\nuserPassword:" in block
        else block
        for block in ldif.split(b"\n\n")
    )
