"""Rules about who a person is: `group:DN` and `affiliation:NAME`, as scopes and clients are registered with.

Owns: how such a rule reads, and whom it means. Must not know: what follows from it.
"""

from collections.abc import Callable, Iterable, Iterator

from login import Dn, NotADn, Person, dn_key, strict_dn_key

_GROUP, _AFFILIATION = "group:", "affiliation:"


def is_rule(rule: str) -> bool:
    """Whether `rule` is one that can be asked of a person: the DN of a group must be one (RFC 4514)."""
    kind, _, value = rule.partition(":")
    if f"{kind}:" not in {_GROUP, _AFFILIATION} or not value.strip() or not rule.isprintable():
        return False
    return f"{kind}:" == _AFFILIATION or _key(value) is not None


def want_groups(rules: Iterable[str]) -> bool:
    """Whether any of `rules` is about groups: only then are they searched for."""
    return any(rule.startswith(_GROUP) for rule in rules)


def group_dns(rules: Iterable[str]) -> Iterator[str]:
    """The DNs of the groups that `rules` name, as they are written there."""
    return (rule.removeprefix(_GROUP).strip() for rule in rules if rule.startswith(_GROUP))


def met(person: Person, rules: Iterable[str]) -> str | None:
    """The first of `rules` that `person` meets, None if none; a DN that cannot be read meets nothing.

    It grants, so that a group counts only where every directory takes its DN for that of the rule.

    Args:
        person: with their groups, where a rule is about groups.
        rules: as `is_rule` accepts them.
    """
    return _met(person, rules, strict_dn_key)


def _met(person: Person, rules: Iterable[str], compared_by: Callable[[str], Dn]) -> str | None:
    groups = {_key(group, compared_by) for group in person.groups}
    affiliations = {_folded(affiliation) for affiliation in person.affiliations}
    for rule in rules:
        kind, _, value = rule.partition(":")
        if f"{kind}:" == _AFFILIATION:
            is_met = _folded(value) in affiliations
        else:
            key = _key(value, compared_by)
            is_met = key is not None and key in groups
        if is_met:
            return rule
    return None


def refused_by(person: Person, rules: Iterable[str]) -> str | None:
    """Why rules that refuse mean `person`, None if none of them can.

    A rule refuses also where nobody can say whether it means the person: where its own DN cannot be read, or
    that of one of their groups. It means each group whose DN some directory takes for the rule's.

    Args:
        person: with their groups, where a rule is about groups.
        rules: as `is_rule` accepts them; an older registration may hold others.
    """
    rules = tuple(rules)
    if (rule := _met(person, rules, dn_key)) is not None:
        return f"refused by {rule}"
    named = tuple(group_dns(rules))
    # What the person is in is looked at only where a rule asks for it.
    unreadable = [dn for dn in (*named, *(person.groups if named else ())) if _key(dn) is None]
    return f"refused by a rule about groups: {unreadable[0]!a} is not a DN" if unreadable else None


def _key(text: str, compared_by: Callable[[str], Dn] = dn_key) -> Dn | None:
    """A DN as it is compared, None if it cannot be read or names nothing."""
    try:
        return compared_by(text) or None
    except NotADn:
        return None


def _folded(name: str) -> str:
    return name.strip().casefold()
