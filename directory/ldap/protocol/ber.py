"""Reads the basic encoding rules of LDAP messages (X.690; RFC 4511, section 5.1).

Owns: tags, lengths, and the envelope of a message. Must not know: connections, and what a message means.
"""

from typing import Final

BOOLEAN, INTEGER, OCTETS, ENUMERATED, SEQUENCE, SET = 0x01, 0x02, 0x04, 0x0A, 0x30, 0x31
CONTROLS: Final = 0xA0
LONG_FORM: Final = 0x80
# Octets of a length: more are no directory's answer.
_MAX_LENGTH_OCTETS = 4
_MAX_INTEGER_OCTETS = 4


class NotUnderstood(Exception):
    """These bytes are not the expected LDAP message, or they have an unusual form."""


def envelope(data: bytes, at: int) -> tuple[int, int] | None:
    """Find where the contents of a message begin and end.

    Args:
        data: what was received.
        at: where the message begins.

    Returns:
        Both places; None if the end of the message has not come yet.

    Raises:
        NotUnderstood: no message begins there.
    """
    if len(data) < at + 2:
        return None
    if data[at] != SEQUENCE:
        raise NotUnderstood("no message begins here")
    size = data[at + 1]
    if size < LONG_FORM:
        start = at + 2
        end = start + size
    elif len(data) < at + 2 + (size & ~LONG_FORM):
        return None
    else:
        start, end = _sized(data, at + 1)
    return (start, end) if end <= len(data) else None


def after_id(data: bytes, at: int, end: int, message_id: int) -> int:
    """Find where the operation of a message begins.

    Args:
        data: what was received.
        at: where the contents of the message begin.
        end: where they end.
        message_id: of the request that the message must answer.

    Raises:
        NotUnderstood: the message answers another request.
    """
    size = data[at + 1]
    stop = at + 2 + size
    if data[at] != INTEGER or not 0 < size <= _MAX_INTEGER_OCTETS or stop > end:
        raise NotUnderstood("a message without an id")
    if int.from_bytes(data[at + 2 : stop], "big", signed=True) != message_id:
        raise NotUnderstood("the id of another message")
    return stop


def contents(data: bytes, at: int, end: int, tag: int) -> tuple[int, int]:
    """Find where the contents of a value begin and end.

    Args:
        data: what was received.
        at: where the value begins.
        end: the value must not go beyond this place.
        tag: the value must have this tag.

    Raises:
        NotUnderstood: the tag is another, or the value is too long.
    """
    if data[at] != tag:
        raise NotUnderstood("another tag")
    size = data[at + 1]
    start, stop = (at + 2, at + 2 + size) if size < LONG_FORM else _sized(data, at + 1)
    if stop > end:
        raise NotUnderstood("a value that is longer than what holds it")
    return start, stop


def integer(data: bytes, at: int, end: int) -> int:
    """Read the contents of an INTEGER or ENUMERATED.

    Raises:
        NotUnderstood: it is empty, or too long.
    """
    if not 0 < end - at <= _MAX_INTEGER_OCTETS:
        raise NotUnderstood("an integer without contents, or with too many")
    return int.from_bytes(data[at:end], "big", signed=True)


def _sized(data: bytes, at: int) -> tuple[int, int]:
    """Read a length (X.690, section 8.1.3), never the indefinite one (RFC 4511, section 5.1)."""
    size = data[at]
    if size < LONG_FORM:
        return at + 1, at + 1 + size
    octets = size & ~LONG_FORM
    if not 0 < octets <= _MAX_LENGTH_OCTETS:
        raise NotUnderstood("a length of another form")
    start = at + 1 + octets
    return start, start + int.from_bytes(data[at + 1 : start], "big")
