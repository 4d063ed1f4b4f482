"""From an entry to a person.

Owns: which attributes are read, what they mean, and which account states they tell. Must not know:
connections.
"""

import re
from datetime import datetime
from typing import Final

from ldap3.core.exceptions import LDAPInvalidDnError
from ldap3.utils.dn import parse_dn

from directory.contract import DirectoryUnavailable, InvalidCredentials, Person, Refusal
from directory.ldap.entry import Entry
from directory.ldap.typed import from_dn

_NET_ID: Final = "uid"
_GROUPS: Final = "memberOf"
_READ: Final = (
    _NET_ID,
    "cn",
    "displayName",
    "mail",
    "eduPersonAffiliation",
    "eduPersonPrincipalName",
    "pwdChangedTime",
    "pwdAccountLockedTime",
    "pwdStartTime",
    "pwdEndTime",
)
# "Until an administrator unlocks it" (draft-behera-ldap-password-policy-10, section 5.3.3).
_LOCKED_FOR_GOOD: Final = "000001010000Z"
_GENERALIZED_TIME: Final = re.compile(r"(\d{10})(\d\d)?(\d\d)?(?:[.,]\d+)?(Z|[+-]\d{4})")


def attributes_to_read(id_attribute: str, *, groups: bool) -> list[str]:
    """Name the attributes that a search for a person asks for."""
    return [id_attribute, *_READ, *([_GROUPS] if groups else [])]


def person_from(entry: Entry, id_attribute: str) -> Person:
    """Make the person of an entry that was read with `attributes_to_read`.

    Raises:
        DirectoryUnavailable: the entry has no stable id or no net id, so a setting is wrong.
    """
    ids = entry.texts(id_attribute)
    if len(ids) != 1 or not ids[0]:
        raise DirectoryUnavailable(
            f"{entry.dn} shows {len(ids)} values of {id_attribute}, not one (NETID_LDAP_ID_ATTRIBUTE)",
            alarm=True,
        )
    return Person(
        id=ids[0],
        net_id=_net_id(entry),
        dn=entry.dn,
        name=entry.text("displayName") or entry.text("cn"),
        mail=entry.text("mail"),
        groups=entry.texts(_GROUPS),
        affiliations=entry.texts("eduPersonAffiliation"),
        principal_name=entry.text("eduPersonPrincipalName"),
        password_changed_at=_epoch(entry.text("pwdChangedTime")),
    )


def refuse_by_state(entry: Entry, now: float) -> None:
    """Refuse a person whose entry says that they may not log in, whatever the password.

    A lock that ends by itself is left to the server, which alone knows when it does.

    Args:
        entry: as read.
        now: seconds since the epoch.

    Raises:
        InvalidCredentials: `disabled`, `expired` or `not_now`.
    """
    if entry.text("pwdAccountLockedTime") == _LOCKED_FOR_GOOD:
        raise InvalidCredentials(Refusal.DISABLED, "locked by an administrator")
    end = _epoch(entry.text("pwdEndTime"))
    if end is not None and end <= now:
        raise InvalidCredentials(Refusal.EXPIRED, "the account has ended")
    start = _epoch(entry.text("pwdStartTime"))
    if start is not None and start > now:
        raise InvalidCredentials(Refusal.NOT_NOW, "the account has not begun")


def _net_id(entry: Entry) -> str:
    """Take the login name as stored: of several, the one that names the entry, else the first by alphabet."""
    names = sorted(entry.texts(_NET_ID))
    if not names:
        raise DirectoryUnavailable(
            f"{entry.dn} shows no {_NET_ID} (NETID_LDAP_BIND_DN may not read it?)", alarm=True
        )
    if len(names) > 1:
        try:
            first, value, _ = parse_dn(entry.dn)[0]
        except LDAPInvalidDnError:
            return names[0]
        named = from_dn(value).casefold() if first.lower() == _NET_ID else None
        naming = [name for name in names if name.casefold() == named]
        return naming[0] if naming else names[0]
    return names[0]


def _epoch(generalized_time: str | None) -> int | None:
    """Convert a GeneralizedTime (RFC 4517, section 3.3.13) to seconds since the epoch; None for none."""
    match = _GENERALIZED_TIME.fullmatch(generalized_time or "")
    if match is None:
        return None
    hour, minute, second, zone = match.groups()
    try:
        moment = datetime.strptime(f"{hour}{minute or '00'}{second or '00'}{zone}", "%Y%m%d%H%M%S%z")
    except ValueError:  # such as the year 0
        return None
    return int(moment.timestamp())
