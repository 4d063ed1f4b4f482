"""What each kind of directory calls things, so that an operator need not.

Owns: a profile for each kind: the defaults of what may be set, and the attributes that tell an account's
state. Must not know: connections, and what the attributes mean (`person`, `state`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from directory.ldap.kinds import lockout_policy
from directory.ldap.kinds.lockout_policy import Lockout


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One kind of directory.

    `privacy` is the attribute, or attribute=value, by which a person asks that nothing be told of them;
    `unwilling_refuses` says whether a person's bind that comes to `unwillingToPerform` is about the person;
    `token_groups` whether the directory lists a person's groups, nested ones too, as security identifiers.
    """

    user_filter: str
    id_attribute: str
    net_id_attribute: str
    password_changed_attribute: str
    password_expires_attribute: str | None = None
    principal_name_attribute: str = "eduPersonPrincipalName"
    state_attributes: tuple[str, ...]
    lockout: Lockout
    group_attribute: str = "memberOf"
    privacy: str | None = None
    token_groups: bool = False
    unwilling_refuses: bool = False


_OPENLDAP: Final = Profile(
    user_filter="(uid={username})",
    id_attribute="entryUUID",
    net_id_attribute="uid",
    password_changed_attribute="pwdChangedTime",  # noqa: S106 - an attribute's name, here and below
    state_attributes=(
        "pwdAccountLockedTime",
        "pwdAccountTmpLockoutEnd",
        "pwdReset",
        "pwdStartTime",
        "pwdEndTime",
    ),
    lockout=lockout_policy.OPENLDAP,
)

_389DS: Final = Profile(
    user_filter="(uid={username})",
    id_attribute="nsUniqueId",
    net_id_attribute="uid",
    password_changed_attribute="pwdUpdateTime",  # noqa: S106
    password_expires_attribute="passwordExpirationTime",  # noqa: S106
    state_attributes=("nsAccountLock", "accountUnlockTime"),
    lockout=lockout_policy.DS389,
    unwilling_refuses=True,
)

_ACTIVE_DIRECTORY: Final = Profile(
    # Whoever types a user principal name is found by it, whatever realms are listed.
    user_filter=(
        "(&(objectCategory=person)(objectClass=user)"
        "(|(sAMAccountName={username})(userPrincipalName={username})))"
    ),
    id_attribute="objectGUID",
    net_id_attribute="sAMAccountName",
    password_changed_attribute="pwdLastSet",  # noqa: S106
    password_expires_attribute="msDS-UserPasswordExpiryTimeComputed",  # noqa: S106
    principal_name_attribute="userPrincipalName",
    state_attributes=(
        "userAccountControl",
        # Holds lockout and expiry as they are now; `lockoutTime` stands there long after a lock has ended.
        "msDS-User-Account-Control-Computed",
        "accountExpires",
        "pwdLastSet",
    ),
    lockout=lockout_policy.ACTIVE_DIRECTORY,
    token_groups=True,
)

_FREEIPA: Final = Profile(
    # The same people are under cn=compat too, without this class.
    user_filter="(&(objectClass=person)(uid={username}))",
    id_attribute="ipaUniqueID",
    net_id_attribute="uid",
    password_changed_attribute="krbLastPwdChange",  # noqa: S106
    password_expires_attribute="krbPasswordExpiration",  # noqa: S106
    principal_name_attribute="krbPrincipalName",
    state_attributes=("nsAccountLock", "krbPrincipalExpiration", "krbPasswordExpiration", "krbLastPwdChange"),
    lockout=lockout_policy.FREEIPA,
    unwilling_refuses=True,
)

PROFILES: Final[Mapping[str, Profile]] = MappingProxyType(
    {
        "openldap": _OPENLDAP,
        "389ds": _389DS,
        "active-directory": _ACTIVE_DIRECTORY,
        "freeipa": _FREEIPA,
    }
)
