"""Entries and results as values, and the times in attributes.

Owns: the types that a connection returns (`Answer`, `Entry`, `SearchResult`), and converting each format of
time to seconds since the epoch. Must not know: ldap3, what an attribute means, settings.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple

_NONE: Final[Mapping[str, bytes]] = MappingProxyType({})
_GENERALIZED_TIME: Final = re.compile(r"(\d{8})([01]\d|2[0-3])(\d\d)?(\d\d)?(?:[.,]\d+)?(Z|[+-]\d\d[0-5]\d)")
_FILETIME_OF_1970: Final = 116_444_736_000_000_000  # in steps of 100 ns since 1601
FILETIME_STEPS: Final = 10_000_000
"""Steps of 100 ns in a second."""
_NEVER: Final = 2**63 - 1
_DAY: Final = 86_400


class Answer(NamedTuple):
    """An LDAP result (RFC 4511, section 4.1.9): code, the server's diagnostic message, values of controls."""

    code: int
    message: str
    controls: Mapping[str, bytes] = _NONE


class Entry(NamedTuple):
    """One entry: its DN as the server wrote it, and its attributes by lower-case name."""

    dn: str
    attributes: Mapping[str, Sequence[bytes]]

    def texts(self, attribute: str) -> tuple[str, ...]:
        """Return those values of an attribute that are UTF-8 text, in the server's order."""
        values = []
        for value in self.attributes.get(attribute.lower(), ()):
            try:
                values.append(value.decode())
            except UnicodeDecodeError:
                continue
        return tuple(values)

    def text(self, attribute: str) -> str | None:
        """Return the first value of an attribute that is UTF-8 text, or None."""
        for value in self.attributes.get(attribute.lower(), ()):
            try:
                return value.decode()
            except UnicodeDecodeError:
                continue
        return None


class SearchResult(NamedTuple):
    """The result of a search. `references` counts references to other servers, which are never followed."""

    answer: Answer
    entries: Sequence[Entry]
    references: int = 0


def from_generalized_time(text: str | None) -> int | None:
    """Convert a GeneralizedTime (RFC 4517, section 3.3.13) to seconds since the epoch; None if invalid."""
    match = _GENERALIZED_TIME.fullmatch(text) if text else None
    if match is None:
        return None
    day, hour, minute, second, zone = match.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{hour}{minute or '00'}{second or '00'}{zone}")
    except ValueError:  # for example the year 0
        return None
    return int(moment.timestamp())


def from_filetime(text: str | None) -> int | None:
    """Convert Active Directory's time to seconds since the epoch; None for 0, for "never" and if invalid."""
    steps = from_number(text)
    if steps is None or not 0 < steps < _NEVER:
        return None
    return (steps - _FILETIME_OF_1970) // FILETIME_STEPS


def from_days(text: str | None) -> int | None:
    """Convert days since the epoch (RFC 2307, `shadowLastChange`) to seconds since it; None if invalid."""
    days = from_number(text)
    return None if days is None or days <= 0 else days * _DAY


def from_number(text: str | None) -> int | None:
    """Parse an integer (RFC 4517, section 3.3.16); None if it is invalid."""
    return int(text) if text and re.fullmatch(r"-?[0-9]{1,20}", text) else None


# Every other attribute holds a GeneralizedTime.
_CONVERTERS: Final[Mapping[str, Callable[[str | None], int | None]]] = MappingProxyType(
    {
        "pwdlastset": from_filetime,
        "msds-userpasswordexpirytimecomputed": from_filetime,
        "shadowlastchange": from_days,
        "sambapwdlastset": from_number,
    }
)


def moment_of(attribute: str, text: str | None) -> int | None:
    """Convert the value of a time attribute to seconds since the epoch; None if it is missing or invalid."""
    if text is None:
        return None
    return _CONVERTERS.get(attribute.lower(), from_generalized_time)(text)
