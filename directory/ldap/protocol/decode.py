"""The answers of a login, read from bytes: to a bind, and to a search that finds few entries.

Owns: reading results, entries and references in BER (RFC 4511, sections 4.1.9, 4.2.2 and 4.5.2). Must not
know: connections, and what an answer means. ldap3 reads each answer three times over, into some forty objects
and two dictionaries, which is a sixth of the CPU of a token. What this does not know it does not guess at:
ldap3 reads that, and `result_code` says first whether it answers the request at all.
"""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from ldap3.core.results import RESULT_CODES, RESULT_SUCCESS

from directory.ldap.protocol.entry import Answer, Entry, SearchResult

BOOLEAN, INTEGER, OCTETS, ENUMERATED, SEQUENCE, SET = 0x01, 0x02, 0x04, 0x0A, 0x30, 0x31
CONTROLS: Final = 0xA0
LONG_FORM: Final = 0x80
# Octets of a length: more are no directory's answer.
_MAX_LENGTH_OCTETS = 4
_MAX_INTEGER_OCTETS = 4
BIND_RESPONSE: Final = 0x61
SEARCH_DONE: Final = 0x65
EXTENDED_RESPONSE: Final = 0x78
_ENTRY, _REFERENCE = 0x64, 0x73
_REFERRAL, _SASL_CREDENTIALS = 0xA3, 0x87
# How Active Directory cuts up an attribute of many values; ldap3 asks for the rest.
_RANGE = ";range="
# The result of nearly every bind and search: its length, the code 0, no matched DN, no text.
_SUCCESS: Final = bytes((7, ENUMERATED, 1, 0, OCTETS, 0, OCTETS, 0))


class UnexpectedMessage(Exception):
    """These bytes are not the expected LDAP message, or they have an unusual form."""


class ResponseReader:
    """Reads the answer to one request, as it comes in."""

    __slots__ = ("_at", "_ending", "_entries", "_message_id", "_references", "received")

    def __init__(self, message_id: int, ending: int) -> None:
        """Begin.

        Args:
            message_id: of the request.
            ending: what the answer ends with: `BIND_RESPONSE` or `SEARCH_DONE`.
        """
        self.received = b""
        self._message_id = message_id
        self._ending = ending
        self._at = 0
        self._entries: list[Entry] = []
        self._references = 0

    def take(self, data: bytes) -> SearchResult | None:
        """Take what was received; the whole answer, once it is there. A bind's has no entries.

        Args:
            data: the next bytes.

        Raises:
            UnexpectedMessage: something is not as expected; `received` holds all that came.
        """
        self.received += data
        try:
            return self._read()
        except (IndexError, UnicodeDecodeError):
            raise UnexpectedMessage from None

    def _read(self) -> SearchResult | None:
        data = self.received
        while (message := envelope(data, self._at)) is not None:
            at, end = message
            self._at = end
            at = after_id(data, at, end, self._message_id)
            kind = data[at]
            if kind == self._ending:
                if end != len(data):
                    raise UnexpectedMessage
                return SearchResult(_result(data, at, end), self._entries, self._references)
            at, stop = contents(data, at, end, kind)
            if self._ending != SEARCH_DONE or (stop != end and data[stop] != CONTROLS):
                raise UnexpectedMessage
            if kind == _ENTRY:
                self._entries.append(_entry(data, at, stop))
            elif kind == _REFERENCE:
                self._references += 1
            else:
                raise UnexpectedMessage
        return None


def result_code(data: bytes, message_id: int, ending: int) -> int | None:
    """Check that a message is a response to a request, and read its result code.

    ldap3 takes any operation with the message's id for the response, and an empty code for a success.

    Args:
        data: one whole message.
        message_id: of the request.
        ending: the operation that ends the response: `BIND_RESPONSE`, `SEARCH_DONE` or `EXTENDED_RESPONSE`.

    Returns:
        The code (RFC 4511, section 4.1.9); None for an entry or a reference, which come before it.

    Raises:
        UnexpectedMessage: the message is no response to this request.
    """
    try:
        whole = envelope(data, 0)
        if whole is None or whole[1] != len(data):
            raise UnexpectedMessage("a message of another length")
        at, end = whole
        at = after_id(data, at, end, message_id)
        kind = data[at]
        at, stop = contents(data, at, end, kind)
        if stop != end and contents(data, stop, end, CONTROLS)[1] != end:
            raise UnexpectedMessage("something behind the controls")
        if kind == ending:
            start, at = contents(data, at, stop, ENUMERATED)
            code = integer(data, start, at)
            _, at = contents(data, at, stop, OCTETS)
            contents(data, at, stop, OCTETS)
            return code
    except IndexError:
        raise UnexpectedMessage("a message that is cut") from None
    if ending != SEARCH_DONE or kind not in {_ENTRY, _REFERENCE}:
        raise UnexpectedMessage("another operation than the response to the request")
    return None


def _result(data: bytes, at: int, last: int) -> Answer:
    """Read an LDAPResult, and the controls that follow it up to `last`."""
    if data.startswith(_SUCCESS, at + 1):
        code, message, end = RESULT_SUCCESS, "", at + 1 + len(_SUCCESS)
    else:
        at, end = contents(data, at, last, data[at])
        code, message = _any_result(data, at, end)
    return Answer(code, message, _controls(data[end:last])) if end != last else Answer(code, message)


def _any_result(data: bytes, at: int, end: int) -> tuple[int, str]:
    start, at = contents(data, at, end, ENUMERATED)
    code = integer(data, start, at)
    if code not in RESULT_CODES:
        raise UnexpectedMessage
    start, at = contents(data, at, end, OCTETS)
    if data.startswith(b"NTLM", start):
        raise UnexpectedMessage
    start, at = contents(data, at, end, OCTETS)
    message = data[start:at].decode().replace("\0", "")
    while at != end:
        if data[at] not in {_REFERRAL, _SASL_CREDENTIALS}:
            raise UnexpectedMessage
        _, at = contents(data, at, end, data[at])
    return code, message


@lru_cache(maxsize=16)
def _controls(data: bytes) -> Mapping[str, bytes]:
    """Read the values of controls (RFC 4511, section 4.1.11), which are the same for nearly everybody."""
    at, end = contents(data, 0, len(data), CONTROLS)
    if end != len(data):
        raise UnexpectedMessage
    values: dict[str, bytes] = {}
    while at != end:
        at, stop = contents(data, at, end, SEQUENCE)
        start, at = contents(data, at, stop, OCTETS)
        oid = data[start:at].decode("ascii")
        if at != stop and data[at] == BOOLEAN:
            _, at = contents(data, at, stop, BOOLEAN)
        if at != stop:
            start, at = contents(data, at, stop, OCTETS)
            values[oid] = data[start:at]
        if at != stop:
            raise UnexpectedMessage
    return MappingProxyType(values)


def _entry(data: bytes, at: int, end: int) -> Entry:
    """Read a SearchResultEntry; controls of an entry are passed over."""
    start, at = contents(data, at, end, OCTETS)
    dn = data[start:at].decode()
    at, stop = contents(data, at, end, SEQUENCE)
    if stop != end:
        raise UnexpectedMessage
    attributes: dict[str, tuple[bytes, ...]] = {}
    while at != end:
        at, stop = contents(data, at, end, SEQUENCE)
        start, at = contents(data, at, stop, OCTETS)
        name = _name(data[start:at])
        at, last = contents(data, at, stop, SET)
        if last != stop or name in attributes:
            raise UnexpectedMessage
        size = stop - at - 2
        if 0 <= size < LONG_FORM and data[at] == OCTETS and data[at + 1] == size:
            attributes[name] = (data[at + 2 : stop],)  # one short value: most have no other
            at = stop
            continue
        values = []
        while at != stop:
            start, at = contents(data, at, stop, OCTETS)
            values.append(data[start:at])
        attributes[name] = tuple(values)
    return Entry(dn, attributes)


@lru_cache(maxsize=64)
def _name(written: bytes) -> str:
    """Read the name of an attribute, which is one of the few that are asked for."""
    name = written.decode("ascii").lower()
    if _RANGE in name:
        raise UnexpectedMessage
    return name


def envelope(data: bytes, at: int) -> tuple[int, int] | None:
    """Find where the contents of a message begin and end.

    Args:
        data: what was received.
        at: where the message begins.

    Returns:
        Both places; None if the end of the message has not come yet.

    Raises:
        UnexpectedMessage: no message begins there.
    """
    if len(data) < at + 2:
        return None
    if data[at] != SEQUENCE:
        raise UnexpectedMessage("no message begins here")
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
        UnexpectedMessage: the message answers another request.
    """
    size = data[at + 1]
    stop = at + 2 + size
    if data[at] != INTEGER or not 0 < size <= _MAX_INTEGER_OCTETS or stop > end:
        raise UnexpectedMessage("a message without an id")
    if int.from_bytes(data[at + 2 : stop], "big", signed=True) != message_id:
        raise UnexpectedMessage("the id of another message")
    return stop


def contents(data: bytes, at: int, end: int, tag: int) -> tuple[int, int]:
    """Find where the contents of a value begin and end.

    Args:
        data: what was received.
        at: where the value begins.
        end: the value must not go beyond this place.
        tag: the value must have this tag.

    Raises:
        UnexpectedMessage: the tag is another, or the value is too long.
    """
    if data[at] != tag:
        raise UnexpectedMessage("another tag")
    size = data[at + 1]
    start, stop = (at + 2, at + 2 + size) if size < LONG_FORM else _sized(data, at + 1)
    if stop > end:
        raise UnexpectedMessage("a value that is longer than what holds it")
    return start, stop


def integer(data: bytes, at: int, end: int) -> int:
    """Read the contents of an INTEGER or ENUMERATED.

    Raises:
        UnexpectedMessage: it is empty, or too long.
    """
    if not 0 < end - at <= _MAX_INTEGER_OCTETS:
        raise UnexpectedMessage("an integer without contents, or with too many")
    return int.from_bytes(data[at:end], "big", signed=True)


def _sized(data: bytes, at: int) -> tuple[int, int]:
    """Read a length (X.690, section 8.1.3), never the indefinite one (RFC 4511, section 5.1)."""
    size = data[at]
    if size < LONG_FORM:
        return at + 1, at + 1 + size
    octets = size & ~LONG_FORM
    if not 0 < octets <= _MAX_LENGTH_OCTETS:
        raise UnexpectedMessage("a length of another form")
    start = at + 1 + octets
    return start, start + int.from_bytes(data[at + 1 : start], "big")
