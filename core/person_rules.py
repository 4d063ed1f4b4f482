"""The syntax of rules about people: `group:DN` and `affiliation:NAME`.

Owns: how a rule is written in settings, scopes and clients. Must not know: which people match a rule, and
whether its DN is valid (`oauth.policy.membership` knows both).
"""

from functools import lru_cache
from typing import NamedTuple

GROUP, AFFILIATION = "group", "affiliation"
SYNTAX = "group:DN (RFC 4514) or affiliation:NAME"


class PersonRule(NamedTuple):
    """A parsed rule: `kind` is `GROUP` or `AFFILIATION`, `value` the DN or the name."""

    kind: str
    value: str


@lru_cache(maxsize=1024)
def parse_rule(text: str) -> PersonRule | None:
    """Parse a rule; None if the text does not have the syntax."""
    kind, _, value = text.partition(":")
    if kind not in {GROUP, AFFILIATION} or not value.strip() or not text.isprintable():
        return None
    return PersonRule(kind, value.strip())
