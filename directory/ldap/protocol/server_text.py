"""Diagnostic messages of directory servers: what they mean, and which may be logged.

Owns: the texts that give the reason of a refusal, and the texts that are known to be constant. Must not know:
results, entries.

A server may quote the DN or filter of a request, and so the login name that a user typed. Users sometimes
type their password there. A server may escape or cut the name, so searching a text for it is not safe. So
only a known text is logged.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from directory.contract import Refusal

WITHHELD: Final = "the server's own text is left out: it may quote what was typed"

# Active Directory answers every refusal with 49, and a Windows error number in its text (MS-ADTS, section
# 5.1.1.5; the numbers are those of MS-ERREF, section 2.2). Any other number means nothing for the password.
SUB_CODE: Final = re.compile(r"AcceptSecurityContext error, data ([0-9a-f]+)", re.IGNORECASE)
BY_SUB_CODE: Final[Mapping[str, tuple[Refusal, str]]] = MappingProxyType(
    {
        "525": (Refusal.UNKNOWN_PERSON, "no such user"),
        "52e": (Refusal.WRONG_PASSWORD, "wrong password"),
        "530": (Refusal.NOT_NOW, "outside of the logon hours"),
        "531": (Refusal.NOT_HERE, "not from this workstation"),
        "532": (Refusal.EXPIRED, "the password has expired"),
        "533": (Refusal.DISABLED, "the account is disabled"),
        "701": (Refusal.EXPIRED, "the account has expired"),
        "773": (Refusal.MUST_CHANGE, "the password must be changed first"),
        "775": (Refusal.LOCKED, "the account is locked"),
    }
)

# Texts of 389-ds, and of FreeIPA which is built on it, for results 19, 49 and 53.
BY_TEXT: Final[Mapping[str, Refusal]] = MappingProxyType(
    {
        "exceed password retry limit": Refusal.LOCKED,
        "too many failed logins": Refusal.LOCKED,
        "entry permanently locked": Refusal.LOCKED,
        "account inactivated": Refusal.DISABLED,
        "inactivity limit exceeded": Refusal.DISABLED,
        "password expired": Refusal.EXPIRED,
        "principal) is expired": Refusal.EXPIRED,
    }
)

# Sub-codes and texts that these servers send only after they have verified the password.
PROVED_BY_SUB_CODE: Final = frozenset({"532", "773"})
PROVED_BY_TEXT: Final = frozenset({"password expired"})

# In lower case, without a full stop at the end.
_CONSTANT_TEXTS: Final = frozenset(
    {
        # OpenLDAP
        "account locked",
        "anonymous bind disallowed",
        "authentication method not supported",
        "confidentiality required",
        "internal error",
        "invalid credentials",
        "invalid dn",
        "no global superior knowledge",
        "operation restricted",
        "operations are restricted to bind/unbind/abandon/starttls/modify password",
        "password expired",
        "password must be changed",
        "requested protocol version not allowed",
        "size limit exceeded",
        "stronger confidentiality required",
        "stronger tls confidentiality required",
        "time limit exceeded",
        "tls confidentiality required",
        "unauthenticated bind (dn with no password) disallowed",
        # 389 Directory Server and FreeIPA
        "account (kerberos principal) is expired",
        "account inactivated. contact system administrator",
        "account inactivity limit exceeded. contact system administrator to reset",
        "anonymous access is not allowed",
        "entry permanently locked",
        "exceed password retry limit. contact system administrator to reset",
        "exceed password retry limit. please try later",
        "kerberos principal is expired",
        "minimum ssf not met",
        "operation requires a secure connection",
        "password expired!",
        "too many failed logins",
        "unauthenticated binds are not allowed",
        # Samba
        "bindsimple: transport encryption required",
    }
)
# Texts of Active Directory (MS-ADTS, section 5.1.1.5) differ in numbers only.
_ACTIVE_DIRECTORY_TEXT: Final = re.compile(
    r"[0-9A-F]{8}: LdapErr: DSID-[0-9A-F]{8,10}, comment: (?:AcceptSecurityContext error"
    r"|In order to perform this operation a successful bind must be completed on the connection\."
    r"|The server requires binds to turn on integrity checking if SSL\\TLS are not already active on the "
    r"connection"
    r"), data [0-9A-F]{1,8}, v[0-9A-F]{1,8}",
    re.IGNORECASE,
)


def loggable_text(text: str) -> str:
    """Return a server's text if it is known, else a constant sentence: the text may quote what a user typed.

    Args:
        text: the diagnostic message of a result (RFC 4511, section 4.1.9).
    """
    plain = text.strip()
    if not plain or plain.rstrip(".").lower() in _CONSTANT_TEXTS or _ACTIVE_DIRECTORY_TEXT.fullmatch(plain):
        return text
    return WITHHELD
