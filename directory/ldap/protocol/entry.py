"""One entry as a search returned it, and what a bind or a search came back with.

Owns: the shape of answers between the connection and the rules. Must not know: ldap3, people, settings.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

_NONE: Final[Mapping[str, bytes]] = MappingProxyType({})


class Answer(NamedTuple):
    """An LDAP result (RFC 4511, section 4.1.9): its code, the server's own text, the values of controls."""

    code: int
    message: str
    controls: Mapping[str, bytes] = _NONE


class Entry(NamedTuple):
    """One entry: its DN as the server gave it, and its attributes by lower-case name."""

    dn: str
    attributes: Mapping[str, Sequence[bytes]]

    def texts(self, attribute: str) -> tuple[str, ...]:
        """Return the values of an attribute that are text, in the server's order."""
        values = []
        for value in self.attributes.get(attribute.lower(), ()):
            try:
                values.append(value.decode())
            except UnicodeDecodeError:
                continue
        return tuple(values)

    def text(self, attribute: str) -> str | None:
        """Return the first text value of an attribute, or None."""
        for value in self.attributes.get(attribute.lower(), ()):
            try:
                return value.decode()
            except UnicodeDecodeError:
                continue
        return None


class SearchResult(NamedTuple):
    """What a search came back with. References to other servers are counted: they are never followed."""

    answer: Answer
    entries: Sequence[Entry]
    references: int = 0
