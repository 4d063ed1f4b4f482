"""Which scopes there are, and which of them a person may have: the catalogue and its rules.

Owns: how long what was read of the catalogue holds, and which rule grants or refuses a scope. Must not know:
what a client is registered for (`scope`), and what a refusal reads like.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from login import Person
from models import Scope, StoreUnavailable
from oauth.policy.membership import met, want_groups

# What the server itself gives a meaning to. A scope of the catalogue may add rules to one of these.
BUILT_IN: Mapping[str, str] = {
    "openid": "Who the person is: sub, at userinfo (OpenID Connect Core, 5.3)",
    "profile": "Net ID and name",
    "email": "Mail address",
    "groups": "The groups that the person is in",
    "eduperson": "Affiliations and principal name",
    "echo": "The sample resource /echo/v1/echo/<text>",
}
# Seconds that a reading holds: a change by command is kept everywhere after so many.
_HOLDS = 5.0


@dataclass(frozen=True, slots=True)
class ScopeVerdict:
    """Whether a person may have a scope. `rule` is the one that grants it; None where nothing is needed."""

    scope: str
    granted: bool
    rule: str | None = None
    needs: Sequence[str] = ()


class ScopeRules:
    """The rules as they were at one moment, so that one request is judged by one state of them."""

    def __init__(self, catalogue: Iterable[Scope]) -> None:
        self._needs = {scope.name: tuple(scope.needs) for scope in catalogue}
        self._ruled = frozenset(name for name, needs in self._needs.items() if needs)

    @property
    def names(self) -> Sequence[str]:
        """What the catalogue holds, in its order."""
        return tuple(self._needs)

    def want_groups(self, scope: str) -> bool:
        """Whether a rule about `scope` (space-separated) asks for a person's groups."""
        return bool(self._ruled) and any(want_groups(self._needs.get(name, ())) for name in scope.split())

    def permitted(self, person: Person, scope: str) -> str:
        """The part of `scope` that `person` may have, empty where they may have none of it (RFC 6749, 3.3).

        Args:
            person: with their groups, where `want_groups` says so.
            scope: space-separated.
        """
        if self._ruled.isdisjoint(scope.split()):
            return scope
        return " ".join(each.scope for each in self.verdicts(person, scope) if each.granted)

    def verdicts(self, person: Person, scope: str) -> Sequence[ScopeVerdict]:
        """Each name in `scope`, whether `person` may have it, and by which rule; as `permitted` decides."""
        found = []
        for name in scope.split():
            needs = self._needs.get(name, ())
            rule = met(person, needs) if needs else None
            found.append(ScopeVerdict(name, not needs or rule is not None, rule, needs))
        return found


class ScopeRegistry:
    """The catalogue as this process last read it, for a few seconds at most."""

    def __init__(self, read: Callable[[], Sequence[Scope]], clock: Callable[[], float]) -> None:
        """Take what the catalogue is read with.

        Args:
            read: reads it; raises StoreUnavailable where it cannot.
            clock: seconds since the epoch.
        """
        self._read = read
        self._clock = clock
        self._kept: tuple[float, ScopeRules] | None = None

    def rules(self) -> ScopeRules:
        """The rules of now. A database that is away leaves the last ones; no token can be stored then anyhow.

        Raises:
            StoreUnavailable: they could not be read, and never were.
        """
        now, kept = self._clock(), self._kept
        if kept is not None and 0 <= now - kept[0] < _HOLDS:
            return kept[1]
        try:
            rules = ScopeRules(self._read())
        except StoreUnavailable:
            if kept is None:
                raise
            return kept[1]
        self._kept = now, rules
        return rules
