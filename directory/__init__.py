"""Who is this person, and is the password right?

Owns: the directory contract (`Directory`, its three outcomes) and, in `directory.ldap`, the one
implementation of it. Must not know: HTTP, OAuth, SQL, throttling, or the settings object. Only
`directory.ldap` imports ldap3.
"""

from directory.contract import (
    MAX_NAME_CHARACTERS,
    Account,
    Directory,
    DirectoryUnavailable,
    InvalidCredentials,
    LockoutStatus,
    Person,
    PersonState,
    Refusal,
    encoded_password,
)
from directory.dn import Dn, NotADn, dn_key, strict_dn_key

__all__ = [
    "MAX_NAME_CHARACTERS",
    "Account",
    "Directory",
    "DirectoryUnavailable",
    "Dn",
    "InvalidCredentials",
    "LockoutStatus",
    "NotADn",
    "Person",
    "PersonState",
    "Refusal",
    "dn_key",
    "encoded_password",
    "strict_dn_key",
]
