"""Turns a user's entry into a `Person`.

Owns: which attributes a search reads, what they mean, and the form of the stable id. Must not know:
connections.
"""

import uuid
from typing import Final

from ldap3.core.exceptions import LDAPInvalidDnError
from ldap3.utils.dn import parse_dn

from directory.contract import DirectoryUnavailable, InvalidCredentials, Person, Refusal
from directory.ldap.config import USERNAME
from directory.ldap.kinds.profile import Profile
from directory.ldap.people.normalization import escape_for_filter, normalized_name, unescape_from_dn
from directory.ldap.protocol.entry import Entry
from directory.ldap.protocol.ldap_time import moment_of

_COMMON_ATTRIBUTES: Final = ("cn", "displayName", "mail", "eduPersonAffiliation")
_GUID_ATTRIBUTE: Final = "objectguid"
_GUID_OCTETS: Final = 16


def attributes_to_read(profile: Profile, *, also: tuple[str, ...] = ()) -> list[str]:
    """List the attributes that a search for a user requests, each once.

    Args:
        profile: the kind of directory.
        also: further attributes to request.
    """
    names = [
        profile.id_attribute,
        profile.net_id_attribute,
        *_COMMON_ATTRIBUTES,
        profile.principal_name_attribute,
        profile.password_changed_attribute,
        *([profile.password_expires_attribute] if profile.password_expires_attribute else []),
        *([profile.privacy.partition("=")[0]] if profile.privacy else []),
        *profile.state_attributes,
        *also,
    ]
    return list({name.lower(): name for name in names}.values())


def person_from(entry: Entry, profile: Profile) -> Person:
    """Make a person from an entry that was read with `attributes_to_read`. Groups are left empty.

    Raises:
        DirectoryUnavailable: the entry has no stable id or no login name, so a setting is wrong.
    """
    expires = profile.password_expires_attribute
    return Person(
        id=_id(entry, profile.id_attribute),
        net_id=_net_id(entry, profile.net_id_attribute),
        dn=entry.dn,
        name=entry.text("displayName") or entry.text("cn"),
        mail=entry.text("mail"),
        affiliations=entry.texts("eduPersonAffiliation"),
        principal_name=entry.text(profile.principal_name_attribute),
        password_changed_at=moment_of(
            profile.password_changed_attribute, entry.text(profile.password_changed_attribute)
        ),
        # 389-ds writes the epoch, 0, for "must be changed".
        password_expires_at=(moment_of(expires, entry.text(expires)) or None) if expires else None,
        private=profile.privacy is not None and _is_private(entry, profile.privacy),
    )


def _is_private(entry: Entry, privacy: str) -> bool:
    """Tell whether the entry has the attribute, or the value if `privacy` names one; case is ignored."""
    attribute, separator, private_value = privacy.partition("=")
    if not separator:
        return bool(entry.attributes.get(attribute.lower()))
    return private_value.casefold() in {value.casefold() for value in entry.texts(attribute)}


def filter_by_names(profile: Profile, names: tuple[str, ...]) -> str:
    """Return the filter that finds a user by any of the given names.

    Args:
        profile: the kind of directory.
        names: from `candidate_names`.
    """
    filters = [profile.user_filter.replace(USERNAME, escape_for_filter(name)) for name in names]
    return filters[0] if len(filters) == 1 else f"(|{''.join(filters)})"


def filter_by_id(profile: Profile, person_id: str) -> str:
    """Return the filter that finds the user with a stable id.

    Args:
        profile: the kind of directory.
        person_id: the id, as `person_from` returned it.

    Raises:
        InvalidCredentials: no entry can have such an id: `unknown_person`.
    """
    attribute = profile.id_attribute
    if attribute.lower() != _GUID_ATTRIBUTE:
        return f"({attribute}={escape_for_filter(normalized_name(person_id))})"
    try:
        guid = uuid.UUID(person_id)
    except ValueError:
        guid = None
    if guid is None or str(guid) != person_id.lower():
        raise InvalidCredentials(Refusal.UNKNOWN_PERSON, "the id is not a GUID")
    return f"({attribute}={escape_for_filter(guid.bytes_le)})"


def _id(entry: Entry, attribute: str) -> str:
    """Return the stable id: text, or a GUID of 16 octets (MS-DTYP, section 2.3.4.2) in its usual form."""
    if attribute.lower() == _GUID_ATTRIBUTE:
        octets = entry.attributes.get(_GUID_ATTRIBUTE, ())
        ids = tuple(str(uuid.UUID(bytes_le=value)) for value in octets if len(value) == _GUID_OCTETS)
    else:
        ids = entry.texts(attribute)
    if len(ids) != 1 or not ids[0]:
        raise DirectoryUnavailable(
            f"a user's entry has {len(ids)} values of {attribute}, not one (NETID_LDAP_ID_ATTRIBUTE)",
            alarm=True,
        )
    return ids[0]


def _net_id(entry: Entry, attribute: str) -> str:
    """Return the login name as stored: of several, the one in the DN, else the first by alphabet."""
    names = sorted(entry.texts(attribute))
    if not names:
        raise DirectoryUnavailable(
            f"a user's entry shows no {attribute} (correct NETID_LDAP_NET_ID_ATTRIBUTE, or let "
            "NETID_LDAP_BIND_DN read it)",
            alarm=True,
        )
    if len(names) > 1:
        try:
            first, value, _ = parse_dn(entry.dn)[0]
        except LDAPInvalidDnError:
            return names[0]
        in_dn = unescape_from_dn(value).casefold() if first.lower() == attribute.lower() else None
        matching = [name for name in names if name.casefold() == in_dn]
        return matching[0] if matching else names[0]
    return names[0]
