"""Scope: its grammar, what a client is granted of it, and which part a person may have (RFC 6749, 3.3).

Owns: how long the registered scopes are cached, and which rule grants a scope. Must not know: how a refusal
is answered.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from login import Person
from models import Registration, Scope, StoreUnavailable
from oauth.policy.membership import met, want_groups

DEFAULT = "default"
"""The scope of a client that is registered without a list."""
OPENID = "openid"
"""The scope of requests of OpenID Connect (Core 1.0, 3.1.2.1)."""
OFFLINE_ACCESS = "offline_access"
"""The scope by which an OpenID client asks for a refresh token (OpenID Connect Core 1.0, 11)."""
# Scopes that the server itself defines. A registered scope of the same name adds rules to it.
BUILT_IN: Mapping[str, str] = {
    OPENID: "Who the person is: sub, at userinfo (OpenID Connect Core, 5.3)",
    "profile": "Net ID, name and language",
    "email": "Mail address",
    "address": "Postal address",
    "phone": "Phone number",
    "groups": "The groups that the person is in",
    "eduperson": "Affiliations and principal name",
    OFFLINE_ACCESS: "A refresh token that outlives the session (OpenID Connect Core, 11)",
    "echo": "The sample resource /echo/v1/echo/<text>",
}
# Lifetime of the cache. A change by a command takes effect everywhere within it.
_CACHE_SECONDS = 5.0
_GRAMMAR = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")


def resolve(
    requested: str | None, client: Registration, *, server_default: str = "", tolerant: bool = False
) -> str | None:
    """The scope that a client is granted, None if it requests a scope that it may not have.

    A request without a scope gets the client's default scope. Without one it gets the names that the server's
    default and the client's list have in common, else the whole list, else `default`.

    Args:
        requested: the `scope` parameter, None if omitted.
        client: the registered client.
        server_default: space-separated, empty for none.
        tolerant: whether names that the client may not have are dropped. If none is left, the request counts
            as one without a scope.
    """
    registered = client.scope.split()
    if requested is None:
        return client.default_scope or _in_common(server_default, registered) or client.scope or DEFAULT
    if not _GRAMMAR.fullmatch(requested):
        return None
    wanted = list(dict.fromkeys(requested.split(" ")))
    if tolerant:
        wanted = [name for name in wanted if name in (registered or [DEFAULT])]
        if not wanted:
            return resolve(None, client, server_default=server_default)
    return " ".join(wanted) if set(wanted) <= set(registered or [DEFAULT]) else None


def without_lost(names: Iterable[str], client: Registration) -> str:
    """The names of a granted or approved scope that the client is still registered for; empty if none is.

    Args:
        names: each once.
        client: the registered client.
    """
    registered = client.scope.split()
    return " ".join(name for name in names if name in registered or name == DEFAULT)


def is_wellformed(scope: str) -> bool:
    """Whether `scope` follows the grammar of RFC 6749, 3.3. An empty one does not."""
    return _GRAMMAR.fullmatch(scope) is not None


def _in_common(scope: str, registered: Sequence[str]) -> str:
    return " ".join(name for name in scope.split() if name in registered)


@dataclass(frozen=True, slots=True)
class ScopeVerdict:
    """Whether a person may have a scope. `rule` grants it; None if the scope has no rules."""

    scope: str
    granted: bool
    rule: str | None = None
    needs: Sequence[str] = ()


class ScopeRules:
    """The rules at one moment, so that one state of them decides a whole request."""

    def __init__(self, scopes: Iterable[Scope]) -> None:
        self._needs = {scope.name: tuple(scope.needs) for scope in scopes}
        self._ruled = frozenset(name for name, needs in self._needs.items() if needs)

    @property
    def names(self) -> Sequence[str]:
        """The names of the registered scopes, in their order."""
        return tuple(self._needs)

    def want_groups(self, scope: str) -> bool:
        """Whether a rule of `scope` (space-separated) needs the person's groups."""
        return bool(self._ruled) and any(want_groups(self._needs.get(name, ())) for name in scope.split())

    def permitted(self, person: Person, scope: str) -> str:
        """The part of `scope` that `person` may have; empty if they may have none of it (RFC 6749, 3.3).

        Args:
            person: with their groups, if `want_groups` is true.
            scope: space-separated.
        """
        if self._ruled.isdisjoint(scope.split()):
            return scope
        return " ".join(each.scope for each in self.verdicts(person, scope) if each.granted)

    def verdicts(self, person: Person, scope: str) -> Sequence[ScopeVerdict]:
        """For each name in `scope`, whether `person` may have it, and by which rule."""
        verdicts = []
        for name in scope.split():
            needs = self._needs.get(name, ())
            rule = met(person, needs) if needs else None
            verdicts.append(ScopeVerdict(name, not needs or rule is not None, rule, needs))
        return verdicts


class ScopeRegistry:
    """Caches the rules of the registered scopes for a few seconds."""

    def __init__(self, read: Callable[[], Sequence[Scope]], clock: Callable[[], float]) -> None:
        """Begin with an empty cache.

        Args:
            read: reads the registered scopes; raises StoreUnavailable if the database cannot say.
            clock: seconds since the epoch.
        """
        self._read = read
        self._clock = clock
        self._cached: tuple[float, ScopeRules] | None = None

    def rules(self) -> ScopeRules:
        """The current rules. While the database is away, the last ones: no token can be stored then anyway.

        Raises:
            StoreUnavailable: the rules could not be read, and never were.
        """
        now, cached = self._clock(), self._cached
        if cached is not None and 0 <= now - cached[0] < _CACHE_SECONDS:
            return cached[1]
        try:
            rules = ScopeRules(self._read())
        except StoreUnavailable:
            if cached is None:
                raise
            return cached[1]
        self._cached = now, rules
        return rules
