"""The kinds of directories by the names that `NETID_LDAP_PROFILE` accepts.

Owns: the list. To add a kind, write a module like `openldap.py` and name it here. Must not know: what a kind
declares.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from directory.ldap.kinds import active_directory, ds389, freeipa, openldap
from directory.ldap.kinds.profile import Profile

PROFILES: Final[Mapping[str, Profile]] = MappingProxyType(
    {
        "openldap": openldap.PROFILE,
        "389ds": ds389.PROFILE,
        "active-directory": active_directory.PROFILE,
        "freeipa": freeipa.PROFILE,
    }
)
