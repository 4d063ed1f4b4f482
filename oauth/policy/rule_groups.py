"""Groups that rules name: does the directory have them?

Owns: the places of rules, and what may be wrong with the group of a rule. Must not know: how the directory is
asked, and who reads the result. Checks use it, token requests never.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from login import NotADn, dn_key, strict_dn_key
from models import Client, Scope
from oauth.policy.membership import group_dns
from oauth.policy.restrictions import MEMBER_RESTRICTIONS


@dataclass(frozen=True, slots=True)
class Doubt:
    """A group that rules name, the places of these rules, and why the rules may match nobody."""

    dn: str
    places: Sequence[str]
    why: str


def named_groups(
    settings: Mapping[str, Iterable[str]], clients: Iterable[Client], scopes: Iterable[Scope]
) -> Mapping[str, Sequence[str]]:
    """The DNs of all groups that rules name, each with the places of its rules.

    Args:
        settings: the rules of the server, by the name of their setting.
        clients: as registered.
        scopes: as registered.
    """
    rules = [(name, rule) for name, each in settings.items() for rule in each]
    rules += [
        (f"client {client.client_id}", rule)
        for client in clients
        for name in MEMBER_RESTRICTIONS
        for rule in client.restrictions.get(name, ())
    ]
    rules += [(f"scope {scope.name}", rule) for scope in scopes for rule in scope.needs]
    named: dict[str, list[str]] = {}
    for place, rule in rules:
        for dn in group_dns([rule]):
            named.setdefault(dn, []).append(place)
    return {dn: tuple(dict.fromkeys(places)) for dn, places in named.items()}


def doubts(named: Mapping[str, Sequence[str]], spelling: Callable[[str], str | None]) -> Iterator[Doubt]:
    """Ask the directory for each group, and yield those that no person can match.

    Args:
        named: from `named_groups`.
        spelling: gives the directory's spelling of a DN, or None if our account sees no such entry. Its
            exceptions are passed on.
    """
    for dn, places in named.items():
        try:
            key = dn_key(dn)
        except NotADn:
            yield Doubt(
                dn, places, "it is not a DN (RFC 4514): a rule that refuses with it refuses everybody"
            )
            continue
        written = spelling(dn)
        if written is None:
            yield Doubt(dn, places, "the directory shows our account no such group")
        elif dn_key(written) != key:
            yield Doubt(dn, places, f"the directory writes it {written}, which the rule does not mean")
        elif strict_dn_key(written) != strict_dn_key(dn):
            yield Doubt(
                dn, places, f"the directory writes it {written}: a rule that allows must be written so too"
            )
