"""Derives filters from the user filter that test whether some login name leads to an entry.

Owns: parsing the user filter (RFC 4515), and the filters that are derived from it. Must not know:
connections.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from directory.contract import InvalidCredentials
from directory.ldap.config import USERNAME
from directory.ldap.people.normalization import escape_for_filter, normalized_name
from directory.ldap.protocol.entry import Entry

_OPERATORS: Final = "&|!"
_PLACEHOLDER: Final = re.escape(USERNAME)
# An equality assertion whose whole value is the login name.
_EQUALITY: Final = re.compile(rf"([A-Za-z0-9.;-]+)={_PLACEHOLDER}")
# Any assertion with the login name in its value: `=`, `~=`, `>=`, `<=`, or an extensible match such as
# `:caseExactMatch:=`.
_ASSERTION: Final = re.compile(
    rf"\(\s*([A-Za-z0-9.;-]+)(?::[^=()]*)?[:~<>]?=([^()]*?){_PLACEHOLDER}([^()]*)\)"
)


@dataclass(frozen=True, slots=True)
class _Node:
    """A part of a filter. `source` is its text; an item has no `operator`."""

    source: str
    operator: str = ""
    parts: Sequence["_Node"] = ()

    @property
    def has_name(self) -> bool:
        return USERNAME in self.source


def any_name_filter(user_filter: str) -> str | None:
    """Derive the filter that matches an entry if, and only if, some login name leads to it.

    An equality assertion with the login name becomes a presence test. That is exact under OR, and under AND
    if only one part contains the name. It is not exact under NOT.

    Args:
        user_filter: the user filter, with `{username}`.

    Returns:
        The filter; None if no single filter is exact. Then the entry's own names must be tried.
    """
    try:
        node, end = _parse(user_filter, 0)
    except (IndexError, ValueError):
        return None
    return None if user_filter[end:].strip() else _any_name(node)


def name_attributes(user_filter: str) -> tuple[str, ...]:
    """List the attributes that the filter compares with the login name, each once."""
    return tuple(dict.fromkeys(match[1] for match in _ASSERTION.finditer(user_filter)))


def filter_with_names_of(user_filter: str, entry: Entry, net_id_attribute: str) -> str | None:
    """Fill the filter with each login name that the entry has.

    Args:
        user_filter: the user filter, with `{username}`.
        entry: the entry, read with `name_attributes` and the net id attribute.
        net_id_attribute: the attribute that holds the login name as stored.

    Returns:
        A filter that matches if one of the names matches; None if the entry has no usable name.
    """
    texts = list(entry.texts(net_id_attribute))
    for attribute, prefix, suffix in _ASSERTION.findall(user_filter):
        texts += (_without_affixes(value, prefix, suffix) for value in entry.texts(attribute))
    filters = [user_filter.replace(USERNAME, escape_for_filter(name)) for name in _usable(texts)]
    return f"(|{''.join(filters)})" if filters else None


def _usable(texts: Iterable[str]) -> list[str]:
    names: dict[str, None] = {}
    for text in texts:
        try:
            names[normalized_name(text)] = None
        except InvalidCredentials:
            continue
    return list(names)


def _without_affixes(value: str, prefix: str, suffix: str) -> str:
    """Remove the text that the filter puts around the login name, such as `@example.edu`."""
    prefix, suffix = prefix.strip("*").casefold(), suffix.strip("*").casefold()
    folded = value.casefold()
    if prefix and folded.startswith(prefix):
        value = value[len(prefix) :]
    if suffix and folded.endswith(suffix):
        value = value[: -len(suffix)]
    return value


def _any_name(node: _Node) -> str | None:
    """Derive the filter for any login name from a part; None if it would not be exact."""
    if not node.has_name:
        return node.source
    if not node.operator:
        equality = _EQUALITY.fullmatch(node.source[1:-1])
        return f"({equality[1]}=*)" if equality else None
    with_name = sum(part.has_name for part in node.parts)
    if node.operator == "!" or (node.operator == "&" and with_name > 1):
        return None
    parts = [_any_name(part) for part in node.parts]
    if any(part is None for part in parts):
        return None
    return f"({node.operator}{''.join(filter(None, parts))})"


def _parse(text: str, at: int) -> tuple[_Node, int]:
    """Parse one filter that starts at `at`. Parentheses in values are escaped (RFC 4515, section 3).

    Raises:
        IndexError: the text ends inside the filter.
        ValueError: the text is not a filter.
    """
    first = at = _skip(text, at, "(")
    at += 1
    while text[at].isspace():
        at += 1
    if text[at] not in _OPERATORS:
        end = text.index(")", at) + 1
        if "(" in text[at:end]:
            raise ValueError(text)
        return _Node(text[first:end]), end
    operator, parts = text[at], []
    at += 1
    at = _skip(text, at, "()")
    while text[at] == "(":
        part, at = _parse(text, at)
        parts.append(part)
        at = _skip(text, at, "()")
    if operator == "!" and len(parts) != 1:
        raise ValueError(text)
    return _Node(text[first : at + 1], operator, tuple(parts)), at + 1


def _skip(text: str, at: int, expected: str) -> int:
    """Skip white space. Raises ValueError if none of the expected characters follows."""
    while text[at].isspace():
        at += 1
    if text[at] not in expected:
        raise ValueError(text)
    return at
