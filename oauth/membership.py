"""Rules about who a person is: `group:DN` and `affiliation:NAME`, as scopes and clients are registered with.

Owns: how such a rule reads, and whom it means. Must not know: what follows from it.
"""

import re
from collections.abc import Iterable

from login import Person

_GROUP, _AFFILIATION = "group:", "affiliation:"


def is_rule(rule: str) -> bool:
    """Whether `rule` is one that can be asked of a person."""
    kind, _, value = rule.partition(":")
    return f"{kind}:" in {_GROUP, _AFFILIATION} and bool(value.strip()) and rule.isprintable()


def want_groups(rules: Iterable[str]) -> bool:
    """Whether any of `rules` is about groups: only then are they searched for."""
    return any(rule.startswith(_GROUP) for rule in rules)


def met(person: Person, rules: Iterable[str]) -> str | None:
    """The first of `rules` that `person` meets, None if none.

    Args:
        person: with their groups, where a rule is about groups.
        rules: as `is_rule` accepts them.
    """
    groups = {_folded(group) for group in person.groups}
    affiliations = {_folded(affiliation) for affiliation in person.affiliations}
    for rule in rules:
        kind, _, value = rule.partition(":")
        if _folded(value) in (groups if f"{kind}:" == _GROUP else affiliations):
            return rule
    return None


def _folded(name: str) -> str:
    """A DN or a name as it is compared: without regard to case and to spaces around its separators."""
    return re.sub(r"\s*([,=+])\s*", r"\1", name.strip()).casefold()
