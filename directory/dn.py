"""Compares distinguished names (DNs) as directories compare them, and escapes values for them.

Owns: the string form (RFC 4514) and its escapes, the names of attribute types (RFC 4519), and how values are
prepared for a comparison without regard to case (RFC 4518). Must not know: directories, rules, groups.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final

# A relative name is a set: `cn=a+uid=b` and `uid=b+cn=a` are equal (RFC 4514, section 2.2).
Dn = tuple[frozenset[tuple[str, str]], ...]
_Prepare = Callable[[str], str]

_SPACES: Final = r"[ \t\r\n]*"
# Older forms are accepted: an `OID.` prefix, spaces beside separators, quotes (RFC 2253, section 4).
_ATTRIBUTE_TYPE: Final = re.compile(
    rf"{_SPACES}(?:[oO][iI][dD]\.)?([A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)*){_SPACES}={_SPACES}"
)
_BER: Final = re.compile(rf"#((?:[0-9A-Fa-f]{{2}})+){_SPACES}")
_QUOTED: Final = re.compile(rf'"((?:[^"\\\0]|\\.)*)"{_SPACES}', re.DOTALL)
_TEXT: Final = re.compile(r'(?:[^\\",;+\0]|\\[0-9A-Fa-f]{2}|\\[ "#+,;<=>\\])*')
_ESCAPED: Final = re.compile(rb"\\(?:([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_END: Final = re.compile(r"[,+]|\Z")
_MUST_ESCAPE: Final = frozenset('"+,;<>=#\\')

# Attribute types that occur in DNs, each with all its names (RFC 4519, RFC 4524, RFC 2985, MS-ADA).
_TYPE_NAMES: Final = (
    "cn commonName 2.5.4.3",
    "sn surname 2.5.4.4",
    "serialNumber 2.5.4.5",
    "c countryName 2.5.4.6",
    "l localityName 2.5.4.7",
    "st stateOrProvinceName s 2.5.4.8",
    "street streetAddress 2.5.4.9",
    "o organizationName 2.5.4.10",
    "ou organizationalUnitName 2.5.4.11",
    "title 2.5.4.12",
    "description 2.5.4.13",
    "businessCategory 2.5.4.15",
    "postalAddress 2.5.4.16",
    "postalCode 2.5.4.17",
    "postOfficeBox 2.5.4.18",
    "physicalDeliveryOfficeName 2.5.4.19",
    "telephoneNumber 2.5.4.20",
    "member 2.5.4.31",
    "owner 2.5.4.32",
    "name 2.5.4.41",
    "givenName gn 2.5.4.42",
    "initials 2.5.4.43",
    "generationQualifier 2.5.4.44",
    "x500UniqueIdentifier 2.5.4.45",
    "dnQualifier 2.5.4.46",
    "houseIdentifier 2.5.4.51",
    "uniqueMember 2.5.4.50",
    "uid userid 0.9.2342.19200300.100.1.1",
    "mail rfc822Mailbox 0.9.2342.19200300.100.1.3",
    "host 0.9.2342.19200300.100.1.9",
    "dc domainComponent 0.9.2342.19200300.100.1.25",
    "associatedDomain 0.9.2342.19200300.100.1.37",
    "email emailAddress e pkcs9email 1.2.840.113549.1.9.1",
    "uidNumber 1.3.6.1.1.1.1.0",
    "gidNumber 1.3.6.1.1.1.1.1",
    "entryUUID 1.3.6.1.1.16.4",
    "employeeNumber 2.16.840.1.113730.3.1.3",
    "displayName 2.16.840.1.113730.3.1.241",
    "nsUniqueId 2.16.840.1.113730.3.1.542",
    "sAMAccountName 1.2.840.113556.1.4.221",
)
_PREFERRED_NAMES: Final = {
    name.lower(): names.split()[0].lower() for names in _TYPE_NAMES for name in names.split()
}

# Encodings of the string types of ASN.1, by tag. An octet string is decoded as UTF-8.
_ENCODINGS: Final = {
    0x04: "utf-8",
    0x0C: "utf-8",
    0x12: "ascii",
    0x13: "ascii",
    0x14: "latin-1",
    0x16: "ascii",
    0x1A: "ascii",
    0x1C: "utf-32-be",
    0x1E: "utf-16-be",
}


class NotADn(ValueError):
    """The text is not a distinguished name (RFC 4514, section 3)."""


def dn_key(text: str) -> Dn:
    """Return a key that two spellings share if at least one kind of directory equates them.

    Use it to refuse, never to grant: a directory may keep two names apart that share this key
    (`strict_dn_key`). Values are compared without regard to case, as for all attribute types that name groups
    and people.

    Args:
        text: a DN in its string form.

    Raises:
        NotADn: the text cannot be parsed.
    """
    return _key(text, _prepared)


def strict_dn_key(text: str) -> Dn:
    """Return a key that two spellings share only if every kind of directory equates them.

    Use it to grant: an attacker who may create groups can choose a name that only looks like another group's.

    Args:
        text: a DN in its string form.

    Raises:
        NotADn: the text cannot be parsed.
    """
    return _key(text, _strictly_prepared)


def escape_for_dn(value: str) -> str:
    """Escape an attribute value for a DN (RFC 4514, section 2.4)."""
    escaped = "".join(f"\\{character}" if character in _MUST_ESCAPE else character for character in value)
    if escaped.startswith(" "):
        escaped = "\\" + escaped
    if escaped.endswith(" ") and len(value) > 1:
        escaped = escaped[:-1] + "\\ "
    return escaped


def unescape_from_dn(value: str) -> str:
    """Unescape an attribute value of a DN, in any of the forms that servers use."""
    return _unescaped(value).decode(errors="replace")


def _unescaped(value: str) -> bytes:
    """Return the octets of an attribute value of a DN, whichever way it is escaped (RFC 4514, section 3)."""
    return _ESCAPED.sub(
        lambda match: bytes.fromhex(match[1].decode()) if match[1] else match[2], value.encode()
    )


def _key(text: str, prepare: _Prepare) -> Dn:
    key = _key_or_none(text, prepare)
    if key is None:
        raise NotADn(text)
    return key


@lru_cache(maxsize=8192)
def _key_or_none(text: str, prepare: _Prepare) -> Dn | None:
    """Parse a DN, or return None: `lru_cache` does not cache exceptions."""
    try:
        return tuple(_relative_names(text, prepare))
    except ValueError:
        return None


def _relative_names(text: str, prepare: _Prepare) -> Iterator[frozenset[tuple[str, str]]]:
    if not text.strip(" \t\r\n"):
        return
    at, more = 0, True
    pairs: list[tuple[str, str]] = []
    while more:
        kind = _ATTRIBUTE_TYPE.match(text, at)
        if kind is None:
            raise NotADn(text)
        name = kind[1].lower()
        value, at = _value(text, kind.end(), prepare)
        pairs.append((_PREFERRED_NAMES.get(name, name), value))
        end = _END.match(text, at)
        if end is None:
            raise NotADn(text)
        if end[0] != "+":
            yield frozenset(pairs)
            pairs = []
        more, at = bool(end[0]), end.end()


def _value(text: str, at: int, prepare: _Prepare) -> tuple[str, int]:
    """Parse the value that starts at `at`. Returns the value, prepared for comparison, and its end."""
    if found := _BER.match(text, at):
        return _of_ber(bytes.fromhex(found[1]), prepare), found.end()
    quoted = _QUOTED.match(text, at)
    found = quoted or _TEXT.match(text, at)
    if found is None or text[at : at + 1] == "#":
        raise NotADn(text)
    raw = quoted[1] if quoted else found[0]
    octets = _unescaped(raw)
    # A value that is not UTF-8 never equals a text.
    return prepare(octets.decode(errors="surrogateescape")), found.end()


def _of_ber(encoded: bytes, prepare: _Prepare) -> str:
    """Decode a value in its BER encoding (RFC 4514, section 2.4).

    Raises:
        NotADn: the octets are not the encoding of one value.
    """
    if len(encoded) < 2:  # noqa: PLR2004 - a tag and a length
        raise NotADn(encoded.hex())
    tag, size, start = encoded[0], encoded[1], 2
    if size == 0x80:  # noqa: PLR2004 - the indefinite form of a length
        raise NotADn(encoded.hex())
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(encoded[2:start])
    if len(encoded) != start + size:
        raise NotADn(encoded.hex())
    if tag in _ENCODINGS:
        try:
            return prepare(encoded[start:].decode(_ENCODINGS[tag]))
        except UnicodeDecodeError:
            pass
    # No prepared text contains a NUL, so this value equals no text.
    return f"\0{encoded.hex()}"


def _prepared(text: str) -> str:
    """Prepare a string as caseIgnoreMatch does (RFC 4518, section 2; RFC 4517, section 4.2.11)."""
    if text.isascii() and text.isprintable():
        return " ".join(text.lower().split())
    mapped = "".join(map(_mapped, text))
    before = None
    while mapped != before:
        before, mapped = mapped, unicodedata.normalize("NFKC", mapped.casefold())
        mapped = mapped.replace("i\u0307", "i")
    return " ".join(mapped.split())


def _strictly_prepared(text: str) -> str:
    """Prepare a string as every directory does: without regard to case and to repeated spaces."""
    return " ".join(part for part in "".join(map(_lowered, text)).split(" ") if part)


def _lowered(character: str) -> str:
    """Lower an ASCII character, or a capital letter of Unicode 3.2 (RFC 4518, section 2.4).

    A character is left as it is if lowering would make it ASCII, or equal to a third character. The Kelvin
    sign, for example, would become k.
    """
    lower = character.lower()
    if character.isascii():
        return lower
    is_plain = len(lower) == 1 and lower.upper() == character and not lower.isascii()
    categories = tuple(map(unicodedata.ucd_3_2_0.category, (character, *lower)))
    return lower if is_plain and categories == ("Lu", "Ll") else character


def _mapped(character: str) -> str:
    """Map a character as RFC 4518, section 2.2, does, except for its case."""
    if character in "\t\n\v\f\r\x85":
        return " "
    # OpenLDAP maps the capital I with a dot to i, whatever marks follow.
    if character == "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}":
        return "i"
    category = unicodedata.category(character)
    if category in {"Zs", "Zl", "Zp"}:
        return " "
    # Controls and formats, variation selectors, the grapheme joiner, the object replacement character.
    if (
        category in {"Cc", "Cf"}
        or character in "\u034f\u180b\u180c\u180d\ufffc"
        or "\ufe00" <= character <= "\ufe0f"
    ):
        return ""
    return character
