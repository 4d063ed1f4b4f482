"""The answers of a login, read from bytes: to a bind, and to a search that finds few entries.

Owns: reading results, entries and references in BER (RFC 4511, sections 4.1.9, 4.2.2 and 4.5.2). Must not
know: connections, and what an answer means. ldap3 reads each answer three times over, into some forty objects
and two dictionaries, which is a sixth of the CPU of a token. What this does not know it does not guess at:
ldap3 reads that, as it does whatever is neither of the two.
"""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from ldap3.core.results import RESULT_CODES, RESULT_SUCCESS

from directory.ldap.entry import Answer, Entry, Found

BIND_RESPONSE: Final = 0x61
SEARCH_DONE: Final = 0x65
_ENTRY, _REFERENCE = 0x64, 0x73
_BOOLEAN, _INTEGER, _OCTETS, _ENUMERATED, _SEQUENCE, _SET = 0x01, 0x02, 0x04, 0x0A, 0x30, 0x31
_REFERRAL, _SASL_CREDENTIALS, _CONTROLS = 0xA3, 0x87, 0xA0
_LONG_FORM = 0x80
# Octets of a length: more are no directory's answer.
_MOST_LENGTH_OCTETS = 4
_MOST_INTEGER_OCTETS = 4
# How Active Directory cuts up an attribute of many values; ldap3 asks for the rest.
_RANGE = ";range="
# The result of nearly every bind and search: its length, the code 0, no matched DN, no text.
_SUCCESS: Final = bytes((7, _ENUMERATED, 1, 0, _OCTETS, 0, _OCTETS, 0))


class NotUnderstood(Exception):
    """It may be good LDAP, or none: ldap3 must see for itself."""


class Reading:
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

    def take(self, data: bytes) -> Found | None:
        """Take what was received; the whole answer, once it is there. A bind's has no entries.

        Args:
            data: the next bytes.

        Raises:
            NotUnderstood: something is not as expected; `received` holds all that came.
        """
        self.received += data
        try:
            return self._read()
        except (IndexError, UnicodeDecodeError):
            raise NotUnderstood from None

    def _read(self) -> Found | None:
        data = self.received
        while (message := _message(data, self._at)) is not None:
            at, end = message
            self._at = end
            at = self._after_the_id(data, at, end)
            kind = data[at]
            if kind == self._ending:
                if end != len(data):
                    raise NotUnderstood
                return Found(_result(data, at, end), self._entries, self._references)
            at, stop = _open(data, at, end, kind)
            if self._ending != SEARCH_DONE or (stop != end and data[stop] != _CONTROLS):
                raise NotUnderstood
            if kind == _ENTRY:
                self._entries.append(_entry(data, at, stop))
            elif kind == _REFERENCE:
                self._references += 1
            else:
                raise NotUnderstood
        return None

    def _after_the_id(self, data: bytes, at: int, end: int) -> int:
        """Where the operation begins of a message that answers the request."""
        size = data[at + 1]
        stop = at + 2 + size
        if data[at] != _INTEGER or not 0 < size <= _MOST_INTEGER_OCTETS or stop > end:
            raise NotUnderstood
        if int.from_bytes(data[at + 2 : stop], "big", signed=True) != self._message_id:
            raise NotUnderstood
        return stop


def _message(data: bytes, at: int) -> tuple[int, int] | None:
    """Where the contents of a message begin and end; None if its end has not come yet."""
    if len(data) < at + 2:
        return None
    if data[at] != _SEQUENCE:
        raise NotUnderstood
    size = data[at + 1]
    if size < _LONG_FORM:
        start = at + 2
        end = start + size
    elif len(data) < at + 2 + (size & ~_LONG_FORM):
        return None
    else:
        start, end = _sized(data, at + 1)
    return (start, end) if end <= len(data) else None


def _result(data: bytes, at: int, last: int) -> Answer:
    """Read an LDAPResult, and the controls that follow it up to `last`."""
    if data.startswith(_SUCCESS, at + 1):
        code, message, end = RESULT_SUCCESS, "", at + 1 + len(_SUCCESS)
    else:
        at, end = _open(data, at, last, data[at])
        code, message = _any_result(data, at, end)
    return Answer(code, message, _controls(data[end:last])) if end != last else Answer(code, message)


def _any_result(data: bytes, at: int, end: int) -> tuple[int, str]:
    start, at = _open(data, at, end, _ENUMERATED)
    code = _integer(data, start, at)
    if code not in RESULT_CODES:
        raise NotUnderstood
    start, at = _open(data, at, end, _OCTETS)
    if data.startswith(b"NTLM", start):
        raise NotUnderstood
    start, at = _open(data, at, end, _OCTETS)
    message = data[start:at].decode().replace("\0", "")
    while at != end:
        if data[at] not in {_REFERRAL, _SASL_CREDENTIALS}:
            raise NotUnderstood
        _, at = _open(data, at, end, data[at])
    return code, message


@lru_cache(maxsize=16)
def _controls(data: bytes) -> Mapping[str, bytes]:
    """Read the values of controls (RFC 4511, section 4.1.11), which are the same for nearly everybody."""
    at, end = _open(data, 0, len(data), _CONTROLS)
    if end != len(data):
        raise NotUnderstood
    values: dict[str, bytes] = {}
    while at != end:
        at, stop = _open(data, at, end, _SEQUENCE)
        start, at = _open(data, at, stop, _OCTETS)
        oid = data[start:at].decode("ascii")
        if at != stop and data[at] == _BOOLEAN:
            _, at = _open(data, at, stop, _BOOLEAN)
        if at != stop:
            start, at = _open(data, at, stop, _OCTETS)
            values[oid] = data[start:at]
        if at != stop:
            raise NotUnderstood
    return MappingProxyType(values)


def _entry(data: bytes, at: int, end: int) -> Entry:
    """Read a SearchResultEntry; controls of an entry are passed over."""
    start, at = _open(data, at, end, _OCTETS)
    dn = data[start:at].decode()
    at, stop = _open(data, at, end, _SEQUENCE)
    if stop != end:
        raise NotUnderstood
    attributes: dict[str, tuple[bytes, ...]] = {}
    while at != end:
        at, stop = _open(data, at, end, _SEQUENCE)
        start, at = _open(data, at, stop, _OCTETS)
        name = _name(data[start:at])
        at, last = _open(data, at, stop, _SET)
        if last != stop or name in attributes:
            raise NotUnderstood
        size = stop - at - 2
        if 0 <= size < _LONG_FORM and data[at] == _OCTETS and data[at + 1] == size:
            attributes[name] = (data[at + 2 : stop],)  # one short value: most have no other
            at = stop
            continue
        values = []
        while at != stop:
            start, at = _open(data, at, stop, _OCTETS)
            values.append(data[start:at])
        attributes[name] = tuple(values)
    return Entry(dn, attributes)


@lru_cache(maxsize=64)
def _name(written: bytes) -> str:
    """Read the name of an attribute, which is one of the few that are asked for."""
    name = written.decode("ascii").lower()
    if _RANGE in name:
        raise NotUnderstood
    return name


def _open(data: bytes, at: int, end: int, tag: int) -> tuple[int, int]:
    """Where the contents of a value of this tag begin and end, which is not beyond `end`."""
    if data[at] != tag:
        raise NotUnderstood
    size = data[at + 1]
    start, stop = (at + 2, at + 2 + size) if size < _LONG_FORM else _sized(data, at + 1)
    if stop > end:
        raise NotUnderstood
    return start, stop


def _sized(data: bytes, at: int) -> tuple[int, int]:
    """Read a length (X.690, section 8.1.3), never the indefinite one (RFC 4511, section 5.1)."""
    size = data[at]
    if size < _LONG_FORM:
        return at + 1, at + 1 + size
    octets = size & ~_LONG_FORM
    if not 0 < octets <= _MOST_LENGTH_OCTETS:
        raise NotUnderstood
    start = at + 1 + octets
    return start, start + int.from_bytes(data[at + 1 : start], "big")


def _integer(data: bytes, at: int, end: int) -> int:
    if not 0 < end - at <= _MOST_INTEGER_OCTETS:
        raise NotUnderstood
    return int.from_bytes(data[at:end], "big", signed=True)
