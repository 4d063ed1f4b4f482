"""Decides which people meet a rule of the server, of a client or of a scope.

Owns: which people meet a rule. Must not know: how a rule is written (`core.person_rules`), and what follows
from it.
"""

from collections.abc import Callable, Iterable, Iterator

from core.person_rules import AFFILIATION, GROUP, SYNTAX, PersonRule, parse_rule
from login import Dn, NotADn, Person, dn_key, strict_dn_key


def is_rule(text: str) -> bool:
    """Whether `text` is a rule that can decide about a person: the DN of a group must be one (RFC 4514)."""
    rule = parse_rule(text)
    return rule is not None and (rule.kind == AFFILIATION or _key(rule.value) is not None)


def rule_mistakes(texts: Iterable[str]) -> list[str]:
    """A sentence for each of `texts` that is not a rule."""
    return [f"The rule {text!r} must be {SYNTAX}." for text in texts if not is_rule(text)]


def want_groups(texts: Iterable[str]) -> bool:
    """Whether any rule is about groups: only then are groups searched for."""
    return any(rule.kind == GROUP for rule in _parsed(texts))


def group_dns(texts: Iterable[str]) -> Iterator[str]:
    """The DNs of the groups that rules name, as they are written there."""
    return (rule.value for rule in _parsed(texts) if rule.kind == GROUP)


def met(person: Person, texts: Iterable[str]) -> str | None:
    """The first rule that `person` meets, None if they meet none.

    Such a rule grants. So a group counts only if every directory takes its DN for the rule's, and a DN that
    cannot be read meets nothing.

    Args:
        person: with their groups, if a rule is about groups.
        texts: rules, as `is_rule` accepts them.
    """
    return _met(person, texts, strict_dn_key)


def refused_by(person: Person, texts: Iterable[str]) -> str | None:
    """Why rules that refuse mean `person`, None if none of them can.

    Such a rule means each group whose DN some directory takes for the rule's. It also refuses if a DN cannot
    be read: the rule's own, or that of one of the person's groups.

    Args:
        person: with their groups, if a rule is about groups.
        texts: rules, as `is_rule` accepts them; an older registration may hold others.
    """
    texts = tuple(texts)
    if (text := _met(person, texts, dn_key)) is not None:
        return f"refused by {text}"
    named = tuple(group_dns(texts))
    # The person's groups matter only if a rule is about groups.
    unreadable = [dn for dn in (*named, *(person.groups if named else ())) if _key(dn) is None]
    return f"refused by a rule about groups: {unreadable[0]!a} is not a DN" if unreadable else None


def _met(person: Person, texts: Iterable[str], compared_by: Callable[[str], Dn]) -> str | None:
    groups = {_key(group, compared_by) for group in person.groups}
    affiliations = {_folded(affiliation) for affiliation in person.affiliations}
    for text in texts:
        rule = parse_rule(text)
        if rule is None:
            continue
        if rule.kind == AFFILIATION:
            is_met = _folded(rule.value) in affiliations
        else:
            key = _key(rule.value, compared_by)
            is_met = key is not None and key in groups
        if is_met:
            return text
    return None


def _parsed(texts: Iterable[str]) -> Iterator[PersonRule]:
    return (rule for text in texts if (rule := parse_rule(text)) is not None)


def _key(dn: str, compared_by: Callable[[str], Dn] = dn_key) -> Dn | None:
    """A DN as it is compared, None if it cannot be read or names nothing."""
    try:
        return compared_by(dn) or None
    except NotADn:
        return None


def _folded(name: str) -> str:
    return name.strip().casefold()
