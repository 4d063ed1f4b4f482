"""Encodes the two requests of a login, bind and search, as bytes.

Owns: binds and searches in BER (RFC 4511, sections 4.2 and 4.5.1). Must not know: connections and responses
(`decode` does). This and `decode` are our bypass of ldap3, which builds some 40 objects for each request;
decision 16 has the figures. ldap3 still encodes the filters (RFC 4515) that a login rarely uses.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
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
_AND, _OR, _NOT = 0xA0, 0xA1, 0xA2
_SET_TAGS: Final = {AND: _AND, OR: _OR, NOT: _NOT, "&": _AND, "|": _OR, "!": _NOT}
_EQUALITY, _PRESENT = 0xA3, 0x87
_LONG_FORM = 0x80
_VERSION_3: Final = bytes((_INTEGER, 1, 3))
_NEVER_DEREFERENCE = 0

# The parts of a common filter: sets, and equality with a value of plain and escaped characters.
_FILTER_TOKEN: Final = re.compile(
    r"\((?:([&|!])|([A-Za-z][A-Za-z0-9-]*)=(\*|(?:[A-Za-z0-9._@:/-]|\\[0-9A-Fa-f]{2})+)\))|\)"
)
_ESCAPED: Final = re.compile(rb"\\(..)")


def simple_bind(dn: str, password: bytes) -> bytes:
    """Encode a simple bind (RFC 4511, section 4.2)."""
    return _tlv(_BIND, _VERSION_3 + _octet_string(dn) + _tlv(_SIMPLE, password))


def search(base: str, search_filter: str, *, scope: int, attributes: Sequence[str], size_limit: int) -> bytes:
    """Encode a search that follows no aliases (RFC 4511, section 4.5.1).

    Args:
        base: DN to search under.
        search_filter: RFC 4515, with every value already escaped.
        scope: 0 for the base only, 2 for the whole subtree.
        attributes: names of the attributes to return.
        size_limit: the most entries to return; 0 for any number.

    Raises:
        LDAPInvalidFilterError: the filter is invalid.
    """
    written = _encode_common_filter(search_filter) or _encode_with_ldap3(search_filter)
    return _tlv(
        _SEARCH,
        _octet_string(base)
        + _search_options(scope, size_limit)
        + written
        + _attribute_list(tuple(attributes)),
    )


def message(message_id: int, operation: bytes, controls: Sequence[str]) -> bytes:
    """Put a request into its envelope (RFC 4511, section 4.1.1).

    Args:
        message_id: from 1 to 2147483647.
        operation: the request.
        controls: OIDs of non-critical controls without a value.
    """
    written = _integer(message_id) + operation
    return _tlv(_SEQUENCE, written + _control_list(tuple(controls)) if controls else written)


# These caches hold values that depend on the settings only, and never data of a user.


@lru_cache(maxsize=16)
def _search_options(scope: int, size_limit: int) -> bytes:
    return b"".join(
        (
            _tlv(_ENUMERATED, bytes([scope])),
            _tlv(_ENUMERATED, bytes([_NEVER_DEREFERENCE])),
            _integer(size_limit),
            _integer(0),  # no time limit: we use deadlines
            _tlv(_BOOLEAN, b"\0"),  # return values, not only attribute types
        )
    )


@lru_cache(maxsize=16)
def _attribute_list(attributes: tuple[str, ...]) -> bytes:
    return _tlv(_SEQUENCE, b"".join(_octet_string(attribute) for attribute in attributes))


@lru_cache(maxsize=16)
def _control_list(controls: tuple[str, ...]) -> bytes:
    written = [_tlv(_SEQUENCE, _octet_string(oid)) for oid in controls]
    return _tlv(_CONTROLS, b"".join(written))


@lru_cache(maxsize=64)
def _attribute_name(attribute: str) -> bytes:
    return _octet_string(attribute)


def _encode_common_filter(text: str) -> bytes | None:
    """Encode a filter of sets, equality and presence; None for any other text."""
    whole = _FILTER_TOKEN.fullmatch(text)
    if whole is not None and whole[2]:
        return _comparison(whole[2], whole[3])
    nested: list[tuple[int, list[bytes]]] = [(0, [])]
    at = 0
    while at < len(text):
        token = _FILTER_TOKEN.match(text, at)
        if token is None:
            return None
        at = token.end()
        operator, attribute, value = token.groups()
        if operator:
            nested.append((_SET_TAGS[operator], []))
        elif attribute:
            nested[-1][1].append(_comparison(attribute, value))
        else:
            tag, parts = nested.pop()
            if not nested or not parts or (tag == _NOT and len(parts) > 1):
                return None
            nested[-1][1].append(_tlv(tag, b"".join(parts)))
    _, parts = nested.pop()
    return parts[0] if not nested and len(parts) == 1 else None


def _comparison(attribute: str, text: str) -> bytes:
    if text == "*":
        return _tlv(_PRESENT, attribute.encode())
    value = text.encode()
    if b"\\" in value:
        value = _ESCAPED.sub(lambda escaped: bytes.fromhex(escaped[1].decode()), value)
    return _tlv(_EQUALITY, _attribute_name(attribute) + _tlv(_OCTETS, value))


def _encode_with_ldap3(text: str) -> bytes:
    parsed = parse_filter(text, None, False, False, None, False)  # noqa: FBT003 - ldap3's signature
    return _encode_node(parsed.elements[0])


def _encode_node(node: Any) -> bytes:
    """Encode a filter that ldap3 has parsed; ldap3 encodes the kinds that a login rarely uses."""
    if node.tag in _SET_TAGS:
        return _tlv(_SET_TAGS[node.tag], b"".join(_encode_node(element) for element in node.elements))
    if node.tag == MATCH_EQUAL:
        value = prepare_filter_for_sending(node.assertion["value"])
        return _tlv(_EQUALITY, _octet_string(node.assertion["attr"]) + _tlv(_OCTETS, value))
    if node.tag == MATCH_PRESENT:
        return _tlv(_PRESENT, node.assertion["attr"].encode())
    return bytes(encode(compile_filter(node)))


def _octet_string(text: str) -> bytes:
    return _tlv(_OCTETS, text.encode())


def _integer(number: int) -> bytes:
    # One bit more than the number needs, since the first bit is the sign.
    return _tlv(_INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _tlv(tag: int, value: bytes) -> bytes:
    """Encode one value: tag, length, value (X.690, section 8.1)."""
    size = len(value)
    if size < _LONG_FORM:
        return bytes((tag, size)) + value
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, _LONG_FORM | len(octets))) + octets + value
