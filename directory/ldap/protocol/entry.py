"""The results of binds and searches, as values.

Owns: the types that a connection returns: `Answer`, `Entry`, `SearchResult`. Must not know: ldap3, people,
settings.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

_NONE: Final[Mapping[str, bytes]] = MappingProxyType({})


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
