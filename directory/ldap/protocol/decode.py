"""Decodes the responses of a login: to a bind, and to a search that finds few entries.

Owns: results, entries and references in BER (RFC 4511, sections 4.1.9, 4.2.2, 4.5.2 and 5.1; X.690). Must not
know: connections, and what a result means.

This and `encode` are our bypass of ldap3, which reads each response three times into some forty objects;
decision 16 has the figures. A message that this module does not support raises `UnexpectedMessage`: then
ldap3 reads it, after `result_code` has checked that it is the response to the request.
"""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from ldap3.core.results import RESULT_CODES, RESULT_SUCCESS

from directory.ldap.protocol.entry import Answer, Entry, SearchResult

_BOOLEAN, _INTEGER, _OCTETS, _ENUMERATED, _SEQUENCE, _SET = 0x01, 0x02, 0x04, 0x0A, 0x30, 0x31
_CONTROLS: Final = 0xA0
_LONG_FORM: Final = 0x80
# No directory sends a longer length or integer.
_MAX_LENGTH_OCTETS = 4
_MAX_INTEGER_OCTETS = 4
BIND_RESPONSE: Final = 0x61
SEARCH_DONE: Final = 0x65
EXTENDED_RESPONSE: Final = 0x78
_ENTRY, _REFERENCE = 0x64, 0x73
_REFERRAL, _SASL_CREDENTIALS = 0xA3, 0x87
# Active Directory returns an attribute of many values in ranges; ldap3 requests the rest.
_RANGE = ";range="
# The most common result: its length, the code 0, an empty matched DN, an empty message.
_SUCCESS: Final = bytes((7, _ENUMERATED, 1, 0, _OCTETS, 0, _OCTETS, 0))


class UnexpectedMessage(Exception):
    """The bytes are not the expected LDAP message, or have a form that this module does not support."""


class ResponseReader:
    """Reads the response to one request while its bytes arrive."""

    __slots__ = ("_at", "_entries", "_final_response", "_message_id", "_references", "received")

    def __init__(self, message_id: int, final_response: int) -> None:
        """Start without any bytes.

        Args:
            message_id: of the request.
            final_response: the operation that ends the response: `BIND_RESPONSE` or `SEARCH_DONE`.
        """
        self.received = b""
        self._message_id = message_id
        self._final_response = final_response
        self._at = 0
        self._entries: list[Entry] = []
        self._references = 0

    def take(self, data: bytes) -> SearchResult | None:
        """Add received bytes; return the result once it is complete. The result of a bind has no entries.

        Args:
            data: the next bytes.

        Raises:
            UnexpectedMessage: the response is not supported; `received` holds all its bytes so far.
        """
        self.received += data
        try:
            return self._read()
        except (IndexError, UnicodeDecodeError):
            raise UnexpectedMessage from None

    def _read(self) -> SearchResult | None:
        data = self.received
        while (message := _envelope(data, self._at)) is not None:
            at, end = message
            self._at = end
            at = _after_id(data, at, end, self._message_id)
            kind = data[at]
            if kind == self._final_response:
                if end != len(data):
                    raise UnexpectedMessage
                return SearchResult(_result(data, at, end), self._entries, self._references)
            at, stop = _contents(data, at, end, kind)
            if self._final_response != SEARCH_DONE or (stop != end and data[stop] != _CONTROLS):
                raise UnexpectedMessage
            if kind == _ENTRY:
                self._entries.append(_entry(data, at, stop))
            elif kind == _REFERENCE:
                _check_reference(data, at, stop)
                self._references += 1
            else:
                raise UnexpectedMessage
        return None


def result_code(data: bytes, message_id: int, final_response: int) -> int | None:
    """Check that a message is a response to a request, and read its result code.

    ldap3 accepts any operation with the message's id, and reads an empty code as a success.

    Args:
        data: one complete message.
        message_id: of the request.
        final_response: the operation that ends it: `BIND_RESPONSE`, `SEARCH_DONE` or `EXTENDED_RESPONSE`.

    Returns:
        The code (RFC 4511, section 4.1.9); None for an entry or a reference, which come before the result.

    Raises:
        UnexpectedMessage: the message is not a response to this request.
    """
    try:
        whole = _envelope(data, 0)
        if whole is None or whole[1] != len(data):
            raise UnexpectedMessage("a message of another length")
        at, end = whole
        at = _after_id(data, at, end, message_id)
        kind = data[at]
        at, stop = _contents(data, at, end, kind)
        if stop != end and _contents(data, stop, end, _CONTROLS)[1] != end:
            raise UnexpectedMessage("something behind the controls")
        if kind == final_response:
            start, at = _contents(data, at, stop, _ENUMERATED)
            code = _integer(data, start, at)
            _, at = _contents(data, at, stop, _OCTETS)
            _contents(data, at, stop, _OCTETS)
            return code
        if kind == _REFERENCE:
            _check_reference(data, at, stop)
    except (IndexError, UnicodeDecodeError):
        raise UnexpectedMessage("a message that is cut or malformed") from None
    if final_response != SEARCH_DONE or kind not in {_ENTRY, _REFERENCE}:
        raise UnexpectedMessage("another operation than the response to the request")
    return None


def _result(data: bytes, at: int, last: int) -> Answer:
    """Read an LDAPResult, and the controls that follow it up to `last`."""
    if data.startswith(_SUCCESS, at + 1):
        code, message, end = RESULT_SUCCESS, "", at + 1 + len(_SUCCESS)
    else:
        at, end = _contents(data, at, last, data[at])
        code, message = _any_result(data, at, end)
    return Answer(code, message, _controls(data[end:last])) if end != last else Answer(code, message)


def _any_result(data: bytes, at: int, end: int) -> tuple[int, str]:
    start, at = _contents(data, at, end, _ENUMERATED)
    code = _integer(data, start, at)
    if code not in RESULT_CODES:
        raise UnexpectedMessage
    start, at = _contents(data, at, end, _OCTETS)
    if data.startswith(b"NTLM", start):
        raise UnexpectedMessage
    start, at = _contents(data, at, end, _OCTETS)
    message = data[start:at].decode().replace("\0", "")
    while at != end:
        if data[at] not in {_REFERRAL, _SASL_CREDENTIALS}:
            raise UnexpectedMessage
        _, at = _contents(data, at, end, data[at])
    return code, message


@lru_cache(maxsize=16)
def _controls(data: bytes) -> Mapping[str, bytes]:
    """Read the values of controls (RFC 4511, section 4.1.11), which are the same for nearly all users."""
    at, end = _contents(data, 0, len(data), _CONTROLS)
    if end != len(data):
        raise UnexpectedMessage
    values: dict[str, bytes] = {}
    while at != end:
        at, stop = _contents(data, at, end, _SEQUENCE)
        start, at = _contents(data, at, stop, _OCTETS)
        oid = data[start:at].decode("ascii")
        if at != stop and data[at] == _BOOLEAN:
            _, at = _contents(data, at, stop, _BOOLEAN)
        if at != stop:
            start, at = _contents(data, at, stop, _OCTETS)
            values[oid] = data[start:at]
        if at != stop:
            raise UnexpectedMessage
    return MappingProxyType(values)


def _check_reference(data: bytes, at: int, end: int) -> None:
    """Refuse a SearchResultReference that is not a list of URIs (RFC 4511, section 4.5.3)."""
    if at == end:
        raise UnexpectedMessage
    while at != end:
        start, at = _contents(data, at, end, _OCTETS)
        data[start:at].decode()


def _entry(data: bytes, at: int, end: int) -> Entry:
    """Read a SearchResultEntry; its controls are ignored."""
    start, at = _contents(data, at, end, _OCTETS)
    dn = data[start:at].decode()
    at, stop = _contents(data, at, end, _SEQUENCE)
    if stop != end:
        raise UnexpectedMessage
    attributes: dict[str, tuple[bytes, ...]] = {}
    while at != end:
        at, stop = _contents(data, at, end, _SEQUENCE)
        start, at = _contents(data, at, stop, _OCTETS)
        name = _attribute_name(data[start:at])
        at, last = _contents(data, at, stop, _SET)
        if last != stop or name in attributes:
            raise UnexpectedMessage
        size = stop - at - 2
        if 0 <= size < _LONG_FORM and data[at] == _OCTETS and data[at + 1] == size:
            attributes[name] = (data[at + 2 : stop],)  # the common case: one short value
            at = stop
            continue
        values = []
        while at != stop:
            start, at = _contents(data, at, stop, _OCTETS)
            values.append(data[start:at])
        attributes[name] = tuple(values)
    return Entry(dn, attributes)


@lru_cache(maxsize=64)
def _attribute_name(written: bytes) -> str:
    """Decode the name of an attribute. Searches request only a few, so the cache holds all of them."""
    name = written.decode("ascii").lower()
    if _RANGE in name:
        raise UnexpectedMessage
    return name


def _envelope(data: bytes, at: int) -> tuple[int, int] | None:
    """Find where the contents of a message begin and end.

    Args:
        data: the received bytes.
        at: index of the message's first byte.

    Returns:
        Both indexes; None if the end of the message has not arrived yet.

    Raises:
        UnexpectedMessage: no message begins there.
    """
    if len(data) < at + 2:
        return None
    if data[at] != _SEQUENCE:
        raise UnexpectedMessage("no message begins here")
    size = data[at + 1]
    if size < _LONG_FORM:
        start = at + 2
        end = start + size
    elif len(data) < at + 2 + (size & ~_LONG_FORM):
        return None
    else:
        start, end = _length(data, at + 1)
    return (start, end) if end <= len(data) else None


def _after_id(data: bytes, at: int, end: int, message_id: int) -> int:
    """Find where the operation of a message begins.

    Args:
        data: the received bytes.
        at: index at which the contents of the message begin.
        end: index at which they end.
        message_id: of the request that the message must answer.

    Raises:
        UnexpectedMessage: the message answers another request.
    """
    size = data[at + 1]
    stop = at + 2 + size
    if data[at] != _INTEGER or not 0 < size <= _MAX_INTEGER_OCTETS or stop > end:
        raise UnexpectedMessage("a message without an id")
    if int.from_bytes(data[at + 2 : stop], "big", signed=True) != message_id:
        raise UnexpectedMessage("the id of another message")
    return stop


def _contents(data: bytes, at: int, end: int, tag: int) -> tuple[int, int]:
    """Find where the contents of a value begin and end.

    Args:
        data: the received bytes.
        at: index of the value's first byte.
        end: index at which the value must have ended.
        tag: the tag that the value must have.

    Raises:
        UnexpectedMessage: the value has another tag, or is too long.
    """
    if data[at] != tag:
        raise UnexpectedMessage("another tag")
    size = data[at + 1]
    start, stop = (at + 2, at + 2 + size) if size < _LONG_FORM else _length(data, at + 1)
    if stop > end:
        raise UnexpectedMessage("a value that is longer than what holds it")
    return start, stop


def _integer(data: bytes, at: int, end: int) -> int:
    """Read the contents of an INTEGER or ENUMERATED.

    Raises:
        UnexpectedMessage: the value is empty or too long.
    """
    if not 0 < end - at <= _MAX_INTEGER_OCTETS:
        raise UnexpectedMessage("an integer without contents, or with too many")
    return int.from_bytes(data[at:end], "big", signed=True)


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Read a definite length (X.690, section 8.1.3): LDAP allows no other (RFC 4511, section 5.1)."""
    size = data[at]
    if size < _LONG_FORM:
        return at + 1, at + 1 + size
    octets = size & ~_LONG_FORM
    if not 0 < octets <= _MAX_LENGTH_OCTETS:
        raise UnexpectedMessage("a length of another form")
    start = at + 1 + octets
    return start, start + int.from_bytes(data[at + 1 : start], "big")
