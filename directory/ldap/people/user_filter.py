"""The user filter, read as a question about an entry: does some login name lead to it?

Owns: the structure of the filter (RFC 4515), and the filters that are derived from it. Must not know:
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
_PLACE: Final = re.escape(USERNAME)
# One equality assertion whose whole value is the login name.
_EQUALITY: Final = re.compile(rf"([A-Za-z0-9.;-]+)={_PLACE}")
# Any assertion about an attribute: `=`, `~=`, `>=`, `<=`, and an extensible match as `:caseExactMatch:=`.
_ASSERTION: Final = re.compile(rf"\(\s*([A-Za-z0-9.;-]+)(?::[^=()]*)?[:~<>]?=([^()]*?){_PLACE}([^()]*)\)")


@dataclass(frozen=True, slots=True)
class _Node:
    """One part of a filter; `source` is its text, and an item has no `operator`."""

    source: str
    operator: str = ""
    parts: Sequence["_Node"] = ()

    @property
    def asks_name(self) -> bool:
        return USERNAME in self.source


def any_name_filter(user_filter: str) -> str | None:
    """Derive the filter that matches an entry exactly if some login name leads to it.

    An equality assertion with the login name becomes a presence test. That is exact under OR, and under AND
    while only one part asks for the name. It is not exact under NOT.

    Args:
        user_filter: with `{username}` in it.

    Returns:
        The filter, or None where no single filter says it: then names of the entry itself must be tried.
    """
    try:
        node, end = _parse(user_filter, 0)
    except (IndexError, ValueError):
        return None
    return None if user_filter[end:].strip() else _any(node)


def name_attributes(user_filter: str) -> tuple[str, ...]:
    """Name the attributes that the filter compares with the login name, each once."""
    return tuple(dict.fromkeys(match[1] for match in _ASSERTION.finditer(user_filter)))


def filter_with_names_of(user_filter: str, entry: Entry, net_id_attribute: str) -> str | None:
    """Fill the filter with every login name that the entry itself bears.

    Args:
        user_filter: with `{username}` in it.
        entry: read with `name_attributes` and the net id.
        net_id_attribute: holds the login name as stored.

    Returns:
        The filter that matches if one of the names does, or None for an entry without a usable name.
    """
    texts = list(entry.texts(net_id_attribute))
    for attribute, before, behind in _ASSERTION.findall(user_filter):
        texts += (_inner(value, before, behind) for value in entry.texts(attribute))
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


def _inner(value: str, before: str, behind: str) -> str:
    """Take off a value what the filter writes around the login name, such as `@example.edu`."""
    before, behind = before.strip("*").casefold(), behind.strip("*").casefold()
    folded = value.casefold()
    if before and folded.startswith(before):
        value = value[len(before) :]
    if behind and folded.endswith(behind):
        value = value[: -len(behind)]
    return value


def _any(node: _Node) -> str | None:
    if not node.asks_name:
        return node.source
    if not node.operator:
        equality = _EQUALITY.fullmatch(node.source[1:-1])
        return f"({equality[1]}=*)" if equality else None
    asking = sum(part.asks_name for part in node.parts)
    if node.operator == "!" or (node.operator == "&" and asking > 1):
        return None
    parts = [_any(part) for part in node.parts]
    if any(part is None for part in parts):
        return None
    return f"({node.operator}{''.join(filter(None, parts))})"


def _parse(text: str, at: int) -> tuple[_Node, int]:
    """Read one filter from `at` on; parentheses in values are escaped (RFC 4515, section 3).

    Raises:
        IndexError: the text ends too early.
        ValueError: it is not a filter.
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


def _skip(text: str, at: int, wanted: str) -> int:
    """Pass over white space, up to one of the wanted characters."""
    while text[at].isspace():
        at += 1
    if text[at] not in wanted:
        raise ValueError(text)
    return at
