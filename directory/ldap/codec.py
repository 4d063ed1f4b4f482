"""The answers of a login, read from bytes: to a bind, and to a search that finds few entries.

Owns: reading results, entries and references in BER (RFC 4511, sections 4.1.9, 4.2.2 and 4.5.2). Must not
know: connections, and what an answer means. ldap3 reads each answer three times over, into some forty objects
and two dictionaries, which is a sixth of the CPU of a token. What this does not know it does not guess at:
ldap3 reads that, as it does whatever is neither of the two.
"""

from typing import Final

from ldap3.core.results import RESULT_CODES

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


class NotUnderstood(Exception):
    """It may be good LDAP, or none: ldap3 must see for itself."""


class Reading:
    """Reads the answer to one request, as it comes in."""

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
        while (end := _end_of_message(data, self._at)) is not None:
            at = self._at
            self._at = end
            at, _ = _open(data, at, end, _SEQUENCE)
            at, stop = _open(data, at, end, _INTEGER)
            if _integer(data, at, stop) != self._message_id:
                raise NotUnderstood
            kind = data[stop]
            at, stop = _open(data, stop, end, kind)
            if stop != end and data[stop] != _CONTROLS:
                raise NotUnderstood
            if kind == self._ending:
                if end != len(data):
                    raise NotUnderstood
                return Found(_result(data, at, stop, end), self._entries, self._references)
            if self._ending != SEARCH_DONE:
                raise NotUnderstood
            if kind == _ENTRY:
                self._entries.append(_entry(data, at, stop))
            elif kind == _REFERENCE:
                self._references += 1
            else:
                raise NotUnderstood
        return None


def _end_of_message(data: bytes, at: int) -> int | None:
    """Where a message ends; None if its end has not come yet."""
    if len(data) < at + 2:
        return None
    if data[at] != _SEQUENCE:
        raise NotUnderstood
    if data[at + 1] >= _LONG_FORM and len(data) < at + 2 + (data[at + 1] & ~_LONG_FORM):
        return None
    _, end = _sized(data, at + 1)
    return end if end <= len(data) else None


def _result(data: bytes, at: int, end: int, last: int) -> Answer:
    """Read an LDAPResult, and the controls that follow it up to `last`."""
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
    return Answer(code, message, _controls(data, end, last) if end != last else {})


def _controls(data: bytes, at: int, last: int) -> dict[str, bytes]:
    """Read the values of controls (RFC 4511, section 4.1.11)."""
    at, end = _open(data, at, last, _CONTROLS)
    if end != last:
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
    return values


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
        name = data[start:at].decode("ascii").lower()
        at, last = _open(data, at, stop, _SET)
        if last != stop or name in attributes or _RANGE in name:
            raise NotUnderstood
        values = []
        while at != stop:
            start, at = _open(data, at, stop, _OCTETS)
            values.append(data[start:at])
        attributes[name] = tuple(values)
    return Entry(dn, attributes)


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
