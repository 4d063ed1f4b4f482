"""What a person typed, made fit for a directory.

Owns: which names and passwords may be sent at all, and escaping, once, by context: for a filter (RFC 4515,
section 3) or for a DN (RFC 4514, section 2.4). Must not know: connections, settings.
"""

import re
import string
import unicodedata
from collections.abc import Collection

from directory.contract import MAX_NAME_CHARACTERS, InvalidCredentials, Refusal

MAX_PASSWORD_BYTES = 1024

_FILTER_SAFE = frozenset((string.ascii_letters + string.digits + "-_.@").encode())
_ESCAPED_IN_DN = re.compile(rb"\\(?:([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_DN_SPECIAL = frozenset('"+,;<>=#\\')


def candidate_names(typed: str, realms: Collection[str]) -> tuple[str, ...]:
    r"""Trim and compose a name, and take a listed realm off it: `alice@campus.example`, `CAMPUS\alice`.

    Args:
        typed: the login name as typed.
        realms: names that may stand behind `@` or before a backslash, in any case; any other stays.

    Returns:
        The name; behind it, where `@` and a realm were taken off, the whole address: where a filter asks for
        addresses, it is one of those.

    Raises:
        InvalidCredentials: no entry can bear such a name: `unknown_person`, or `unacceptable`.
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
    """Trim and compose (Unicode NFC) a name. Case is left to the directory, which alone knows its rule.

    Raises:
        InvalidCredentials: no entry can bear such a name: `unknown_person`. Or it is too long:
            `unacceptable`, before anything is done with it.
    """
    if len(typed) > MAX_NAME_CHARACTERS:
        raise InvalidCredentials(Refusal.UNACCEPTABLE, f"the name is over {MAX_NAME_CHARACTERS} characters")
    name = typed.strip()
    if not name:
        raise InvalidCredentials(Refusal.UNKNOWN_PERSON, "the name is empty")
    if name.isascii() and name.isprintable():
        return name
    # Cs, a lone surrogate, has no UTF-8 form.
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in name):
        raise InvalidCredentials(Refusal.UNKNOWN_PERSON, "the name holds control characters")
    return unicodedata.normalize("NFC", name)


def encoded_password(password: str) -> bytes:
    """Encode a password as UTF-8 (RFC 4513, section 5.1.3), unprepared, as stored ones are too.

    Raises:
        InvalidCredentials: it is empty, which many directories accept as an anonymous bind (RFC 4513, section
            5.1.2), or holds a NUL, or is too long, or is no text: `unacceptable`.
    """
    try:
        encoded = password.encode()
    except UnicodeEncodeError:
        raise InvalidCredentials(Refusal.UNACCEPTABLE, "the password is not Unicode text") from None
    if not encoded:
        raise InvalidCredentials(Refusal.UNACCEPTABLE, "the password is empty")
    if b"\0" in encoded:
        raise InvalidCredentials(Refusal.UNACCEPTABLE, "the password holds a NUL")
    if len(encoded) > MAX_PASSWORD_BYTES:
        raise InvalidCredentials(Refusal.UNACCEPTABLE, f"the password is over {MAX_PASSWORD_BYTES} bytes")
    return encoded


def escape_for_filter(value: str | bytes) -> str:
    """Escape a value for a filter: every byte but the plainest, so that nothing is left to interpret."""
    encoded = value.encode() if isinstance(value, str) else value
    if encoded.isalnum():  # of ASCII alone, where the value is bytes
        return encoded.decode()
    return "".join(chr(byte) if byte in _FILTER_SAFE else f"\\{byte:02x}" for byte in encoded)


def escape_for_dn(value: str) -> str:
    """Escape a value for one attribute of a DN."""
    escaped = "".join(f"\\{character}" if character in _DN_SPECIAL else character for character in value)
    if escaped.startswith(" "):
        escaped = "\\" + escaped
    if escaped.endswith(" ") and len(value) > 1:
        escaped = escaped[:-1] + "\\ "
    return escaped


def unescape_from_dn(value: str) -> str:
    """Undo the escaping of one attribute's value in a DN, whichever of its forms a server chose."""
    unescaped = _ESCAPED_IN_DN.sub(
        lambda match: bytes.fromhex(match[1].decode()) if match[1] else match[2], value.encode()
    )
    return unescaped.decode(errors="replace")
