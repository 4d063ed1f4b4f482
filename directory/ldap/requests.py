"""The two requests of a login, written as bytes.

Owns: binds and searches in BER (RFC 4511, sections 4.2 and 4.5.1). Must not know: connections, and what comes
back. ldap3 builds each request of some 40 objects of pyasn1, which is half of the CPU of a login; it still
reads filters (RFC 4515), and the answers.
"""

from collections.abc import Sequence
from typing import Any, Final

from ldap3.operation.search import (
    AND,
    MATCH_EQUAL,
    MATCH_PRESENT,
    NOT,
    OR,
    compile_filter,
    parse_filter,
)
from ldap3.protocol.convert import prepare_filter_for_sending
from pyasn1.codec.ber.encoder import encode

_BOOLEAN, _INTEGER, _OCTETS, _ENUMERATED, _SEQUENCE = 0x01, 0x02, 0x04, 0x0A, 0x30
_BIND, _SIMPLE, _SEARCH, _CONTROLS = 0x60, 0x80, 0x63, 0xA0
_SETS: Final = {AND: 0xA0, OR: 0xA1, NOT: 0xA2}
_EQUALITY, _PRESENT = 0xA3, 0x87
_LONG_FORM = 0x80
_LDAP_VERSION = 3
_NEVER_DEREFERENCE = 0


def simple_bind(dn: str, password: bytes) -> bytes:
    """Write a simple bind (RFC 4511, section 4.2)."""
    return _tlv(_BIND, _integer(_LDAP_VERSION), _octets(dn), _tlv(_SIMPLE, password))


def search(base: str, search_filter: str, *, scope: int, attributes: Sequence[str], size_limit: int) -> bytes:
    """Write a search that follows no aliases (RFC 4511, section 4.5.1).

    Args:
        base: DN to search under.
        search_filter: RFC 4515, with every value escaped already.
        scope: 0 for the base itself, 2 for the whole tree.
        attributes: to be returned.
        size_limit: the most entries to be returned; 0 for any number.

    Raises:
        LDAPInvalidFilterError: it is no filter.
    """
    parsed = parse_filter(search_filter, None, False, False, None, False)  # noqa: FBT003 - ldap3's signature
    return _tlv(
        _SEARCH,
        _octets(base),
        _tlv(_ENUMERATED, bytes([scope])),
        _tlv(_ENUMERATED, bytes([_NEVER_DEREFERENCE])),
        _integer(size_limit),
        _integer(0),  # no limit of time: ours are deadlines
        _tlv(_BOOLEAN, b"\0"),  # values too, not types alone
        _filter(parsed.elements[0]),
        _tlv(_SEQUENCE, *(_octets(attribute) for attribute in attributes)),
    )


def message(message_id: int, operation: bytes, controls: Sequence[str]) -> bytes:
    """Put a request into its envelope (RFC 4511, section 4.1.1).

    Args:
        message_id: from 1 to 2147483647.
        operation: the request.
        controls: OIDs of controls that need no value, and are passed over by who does not know them.
    """
    parts = [_integer(message_id), operation]
    if controls:
        parts.append(_tlv(_CONTROLS, *(_tlv(_SEQUENCE, _octets(oid)) for oid in controls)))
    return _tlv(_SEQUENCE, *parts)


def _filter(node: Any) -> bytes:
    """Write a filter that ldap3 has read; the kinds that a login hardly uses are left to ldap3."""
    if node.tag in _SETS:
        return _tlv(_SETS[node.tag], *(_filter(element) for element in node.elements))
    if node.tag == MATCH_EQUAL:
        value = prepare_filter_for_sending(node.assertion["value"])
        return _tlv(_EQUALITY, _octets(node.assertion["attr"]), _tlv(_OCTETS, value))
    if node.tag == MATCH_PRESENT:
        return _tlv(_PRESENT, node.assertion["attr"].encode())
    return bytes(encode(compile_filter(node)))


def _octets(text: str) -> bytes:
    return _tlv(_OCTETS, text.encode())


def _integer(number: int) -> bytes:
    # A bit more than it needs, since the first one is the sign.
    return _tlv(_INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _tlv(tag: int, *parts: bytes) -> bytes:
    """Write one value: what it is, how long it is, and its parts (X.690, section 8.1)."""
    value = b"".join(parts)
    size = len(value)
    if size < _LONG_FORM:
        return bytes((tag, size)) + value
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, _LONG_FORM | len(octets))) + octets + value
