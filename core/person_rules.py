"""The syntax of rules about people: `group:DN` and `affiliation:NAME`.

Owns: how a rule is written, for settings, scopes and clients. Must not know: whom a rule means, and whether
its DN is a DN (`oauth.policy.membership` knows).
"""

from functools import lru_cache
from typing import NamedTuple

GROUP, AFFILIATION = "group", "affiliation"
SYNTAX = "group:DN (RFC 4514) or affiliation:NAME"


class PersonRule(NamedTuple):
    """A rule in its parts: `kind` is `GROUP` or `AFFILIATION`, `value` the DN or the name."""

    kind: str
    value: str


@lru_cache(maxsize=1024)
def parse_rule(text: str) -> PersonRule | None:
    """The parts of a rule, None if the text does not have the syntax of one."""
    kind, _, value = text.partition(":")
    if kind not in {GROUP, AFFILIATION} or not value.strip() or not text.isprintable():
        return None
    return PersonRule(kind, value.strip())
