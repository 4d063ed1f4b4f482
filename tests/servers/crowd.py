"""LDIF of many users, for tests that need a directory of a campus's size."""

import hashlib
import uuid
from base64 import b64encode

from tests.servers.slapd import SUFFIX

SERVICE_DN = f"cn=svc,ou=services,{SUFFIX}"
SERVICE_PASSWORD = "service-password"

_BRANCHES = f"""\
dn: {SUFFIX}
objectClass: dcObject
objectClass: organization
dc: campus
o: Campus

dn: ou=people,{SUFFIX}
objectClass: organizationalUnit
ou: people

dn: ou=services,{SUFFIX}
objectClass: organizationalUnit
ou: services

dn: ou=policies,{SUFFIX}
objectClass: organizationalUnit
ou: policies

dn: cn=default,ou=policies,{SUFFIX}
objectClass: pwdPolicy
objectClass: person
cn: default
sn: default
pwdAttribute: userPassword

dn: {SERVICE_DN}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: svc
userPassword: {SERVICE_PASSWORD}
"""


def net_id(number: int) -> str:
    """Return the Net ID of user `number`."""
    return f"u{number}"


def password(number: int) -> str:
    """Return the password of user `number`."""
    return f"password-{number}"


def crowd(people: int) -> bytes:
    """Return the LDIF of a directory with `people` users, with `{SSHA}` passwords and entryUUIDs."""
    entries = [_BRANCHES]
    for number in range(people):
        salt = b"salt"
        # {SSHA} is SHA-1 by its definition.
        digest = b64encode(hashlib.sha1(password(number).encode() + salt).digest() + salt).decode()  # noqa: S324
        name = net_id(number)
        entries.append(
            f"dn: uid={name},ou=people,{SUFFIX}\nobjectClass: inetOrgPerson\nuid: {name}\n"
            f"cn: Person {number}\nsn: {number}\nmail: {name}@campus.example\n"
            f"userPassword: {{SSHA}}{digest}\n"
            f"entryUUID: {uuid.uuid5(uuid.NAMESPACE_OID, name)}\n"
        )
    return "\n".join(entries).encode()
