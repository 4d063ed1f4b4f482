"""The filters that find a user: by login name, by stable id, or by any login name that the entry has.

Owns: which login names may be sent, their normal form, escaping for a filter (RFC 4515, section 3), and the
filters that are derived from the user filter. Must not know: connections.
"""

import re
import string
import unicodedata
import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from directory.contract import MAX_NAME_CHARACTERS, InvalidCredentials, Refusal
from directory.ldap.config import USERNAME
from directory.ldap.kinds.profile import Profile
from directory.ldap.protocol.entry import Entry

_FILTER_SAFE: Final = frozenset((string.ascii_letters + string.digits + "-_.@").encode())
GUID_ATTRIBUTE: Final = "objectguid"
"""The stable id of Active Directory: 16 octets, in any other directory text."""

_OPERATORS: Final = "&|!"
_PLACEHOLDER: Final = re.escape(USERNAME)
# An equality assertion whose whole value is the login name.
_EQUALITY: Final = re.compile(rf"([A-Za-z0-9.;-]+)={_PLACEHOLDER}")
# Any assertion with the login name in its value: `=`, `~=`, `>=`, `<=`, or an extensible match such as
# `:caseExactMatch:=`.
_ASSERTION: Final = re.compile(
    rf"\(\s*([A-Za-z0-9.;-]+)(?::[^=()]*)?[:~<>]?=([^()]*?){_PLACEHOLDER}([^()]*)\)"
)


@dataclass(frozen=True, slots=True)
class _Node:
    """A part of a filter. `source` is its text; an item has no `operator`."""

    source: str
    operator: str = ""
    parts: Sequence["_Node"] = ()

    @property
    def has_name(self) -> bool:
        return USERNAME in self.source


def candidate_names(typed: str, realms: Collection[str]) -> tuple[str, ...]:
    r"""Normalize a login name, and remove a listed realm: `alice@campus.example`, `CAMPUS\alice`.

    Args:
        typed: the login name as typed.
        realms: realms to remove after `@` or before a backslash, in any case. Other realms stay in the name.

    Returns:
        The names to search. If `@` and a realm were removed, the whole address is the second name, because
        the user filter may search addresses.

    Raises:
        InvalidCredentials: no entry can have such a name: `unknown_person`, or `unacceptable`.
    """
    name = normalized_name(typed)
    if "@" not in name and "\\" not in name:
        return (name,)
    listed = {normalized_name(realm).casefold() for realm in realms}
    local, _, realm = (part.strip() for part in name.rpartition("@"))
    if local and realm.casefold() in listed:
        return local, f"{local}@{realm}"
    realm, _, local = (part.strip() for part in name.partition("\\"))
    if local and realm.casefold() in listed:
        return (local,)
    return (name,)


def normalized_name(typed: str) -> str:
    """Trim and compose (Unicode NFC) a login name. Case stays: only the directory knows its own rule.

    Raises:
        InvalidCredentials: no entry can have such a name: `unknown_person`. A name that is too long is
            `unacceptable`, and is refused before it is processed.
    """
    if len(typed) > MAX_NAME_CHARACTERS:
        raise InvalidCredentials(Refusal.UNACCEPTABLE, f"the name is over {MAX_NAME_CHARACTERS} characters")
    name = typed.strip()
    if not name:
        raise InvalidCredentials(Refusal.UNKNOWN_PERSON, "the name is empty")
    if name.isascii() and name.isprintable():
        return name
    # Cc: control characters. Cs: lone surrogates, which have no UTF-8 form.
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in name):
        raise InvalidCredentials(Refusal.UNKNOWN_PERSON, "the name contains control characters")
    return unicodedata.normalize("NFC", name)


def escape_for_filter(value: str | bytes) -> str:
    """Escape a value for a filter: every byte except letters, digits and `-_.@`."""
    encoded = value.encode() if isinstance(value, str) else value
    if encoded.isalnum():  # bytes.isalnum accepts ASCII alone
        return encoded.decode()
    return "".join(chr(byte) if byte in _FILTER_SAFE else f"\\{byte:02x}" for byte in encoded)


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
    if attribute.lower() != GUID_ATTRIBUTE:
        return f"({attribute}={escape_for_filter(normalized_name(person_id))})"
    try:
        guid = uuid.UUID(person_id)
    except ValueError:
        guid = None
    if guid is None or str(guid) != person_id.lower():
        raise InvalidCredentials(Refusal.UNKNOWN_PERSON, "the id is not a GUID")
    return f"({attribute}={escape_for_filter(guid.bytes_le)})"


def any_name_filter(user_filter: str) -> str | None:
    """Derive the filter that matches an entry if, and only if, some login name leads to it.

    An equality assertion with the login name becomes a presence test. That is exact under OR, and under AND
    if only one part contains the name. It is not exact under NOT.

    Args:
        user_filter: the user filter, with `{username}`.

    Returns:
        The filter; None if no single filter is exact. Then the entry's own names must be tried.
    """
    try:
        node, end = _parse(user_filter, 0)
    except (IndexError, ValueError):
        return None
    return None if user_filter[end:].strip() else _any_name(node)


def name_attributes(user_filter: str) -> tuple[str, ...]:
    """List the attributes that the filter compares with the login name, each once."""
    return tuple(dict.fromkeys(match[1] for match in _ASSERTION.finditer(user_filter)))


def filter_with_names_of(user_filter: str, entry: Entry, net_id_attribute: str) -> str | None:
    """Fill the filter with each login name that the entry has.

    Args:
        user_filter: the user filter, with `{username}`.
        entry: the entry, read with `name_attributes` and the net id attribute.
        net_id_attribute: the attribute that holds the login name as stored.

    Returns:
        A filter that matches if one of the names matches; None if the entry has no usable name.
    """
    texts = list(entry.texts(net_id_attribute))
    for attribute, prefix, suffix in _ASSERTION.findall(user_filter):
        texts += (_without_affixes(value, prefix, suffix) for value in entry.texts(attribute))
    filters = [user_filter.replace(USERNAME, escape_for_filter(name)) for name in _usable(texts)]
    return f"(|{''.join(filters)})" if filters else None


def _usable(texts: Iterable[str]) -> list[str]:
    names: dict[str, None] = {}
    for text in texts:
        try:
            names[normalized_name(text)] = None
        except InvalidCredentials:
            continue
    return list(names)


def _without_affixes(value: str, prefix: str, suffix: str) -> str:
    """Remove the text that the filter puts around the login name, such as `@example.edu`."""
    prefix, suffix = prefix.strip("*").casefold(), suffix.strip("*").casefold()
    folded = value.casefold()
    if prefix and folded.startswith(prefix):
        value = value[len(prefix) :]
    if suffix and folded.endswith(suffix):
        value = value[: -len(suffix)]
    return value


def _any_name(node: _Node) -> str | None:
    """Derive the filter for any login name from a part; None if it would not be exact."""
    if not node.has_name:
        return node.source
    if not node.operator:
        equality = _EQUALITY.fullmatch(node.source[1:-1])
        return f"({equality[1]}=*)" if equality else None
    with_name = sum(part.has_name for part in node.parts)
    if node.operator == "!" or (node.operator == "&" and with_name > 1):
        return None
    parts = [_any_name(part) for part in node.parts]
    if any(part is None for part in parts):
        return None
    return f"({node.operator}{''.join(filter(None, parts))})"


def _parse(text: str, at: int) -> tuple[_Node, int]:
    """Parse one filter that starts at `at`. Parentheses in values are escaped (RFC 4515, section 3).

    Raises:
        IndexError: the text ends inside the filter.
        ValueError: the text is not a filter.
    """
    first = at = _skip(text, at, "(")
    at += 1
    while text[at].isspace():
        at += 1
    if text[at] not in _OPERATORS:
        end = text.index(")", at) + 1
        if "(" in text[at:end]:
            raise ValueError(text)
        return _Node(text[first:end]), end
    operator, parts = text[at], []
    at += 1
    at = _skip(text, at, "()")
    while text[at] == "(":
        part, at = _parse(text, at)
        parts.append(part)
        at = _skip(text, at, "()")
    if operator == "!" and len(parts) != 1:
        raise ValueError(text)
    return _Node(text[first : at + 1], operator, tuple(parts)), at + 1


def _skip(text: str, at: int, expected: str) -> int:
    """Skip white space. Raises ValueError if none of the expected characters follows."""
    while text[at].isspace():
        at += 1
    if text[at] not in expected:
        raise ValueError(text)
    return at
