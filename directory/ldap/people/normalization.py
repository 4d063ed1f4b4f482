"""Prepares what a user typed for the directory.

Owns: which login names may be sent, their normal form, and escaping for a filter (RFC 4515, section 3) or a
DN (RFC 4514, section 2.4). Must not know: connections, settings.
"""

import string
import unicodedata
from collections.abc import Collection

from directory.contract import MAX_NAME_CHARACTERS, InvalidCredentials, Refusal
from directory.dn import unescaped

_FILTER_SAFE = frozenset((string.ascii_letters + string.digits + "-_.@").encode())
_DN_SPECIAL = frozenset('"+,;<>=#\\')


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


def escape_for_dn(value: str) -> str:
    """Escape an attribute value for a DN."""
    escaped = "".join(f"\\{character}" if character in _DN_SPECIAL else character for character in value)
    if escaped.startswith(" "):
        escaped = "\\" + escaped
    if escaped.endswith(" ") and len(value) > 1:
        escaped = escaped[:-1] + "\\ "
    return escaped


def unescape_from_dn(value: str) -> str:
    """Unescape an attribute value of a DN, in any of the forms that servers use."""
    return unescaped(value).decode(errors="replace")
