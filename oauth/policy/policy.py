"""What a request may have, by the rules of the server and by its client's registration.

Owns: which rule decides what. Must not know: how a person is authenticated, or what an answer looks like.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from models import Client
from oauth.errors import invalid_scope
from oauth.policy.audience import resolve_audience
from oauth.policy.claims import wants_groups
from oauth.policy.restrictions import Restrictions
from oauth.policy.scope import resolve
from oauth.policy.scope_registry import ScopeRegistry, ScopeRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules of one server.

    `issuer` is its public base URL; `default_scope` is granted, as far as a client has it, to a request that
    names no scope.
    """

    issuer: str
    restrictions: Restrictions
    scope_registry: ScopeRegistry
    default_scope: str = ""

    def resolve_scope(self, client: Client, requested: str | None, *, tolerant: bool) -> str:
        """The scope that a request gets by its client's registration (RFC 6749, 3.3).

        Args:
            client: as registered.
            requested: the `scope` parameter, None if omitted.
            tolerant: whether names that the client may not have are dropped instead of refused.

        Raises:
            OAuth2Error: `invalid_scope`: the scope is malformed, or beyond what the client may have.
        """
        scope = resolve(requested, client, server_default=self.default_scope, tolerant=tolerant)
        if scope is None:
            raise invalid_scope()
        return scope

    def resolve_audience(self, client: Client, resources: Sequence[str]) -> str | None:
        """The audience that a request gets by its client's registration (RFC 8707, 2).

        Args:
            client: as registered.
            resources: every `resource` parameter.

        Raises:
            OAuth2Error: `invalid_target`: the client may not have one of them.
        """
        return resolve_audience(resources, client, self.issuer)

    def wants_groups(self, client: Client, scope: str, rules: ScopeRules) -> bool:
        """Whether a released claim or a rule depends on the person's groups.

        Only then are groups searched for: the search may cost the directory much.

        Args:
            client: as registered.
            scope: what is to be granted, space-separated.
            rules: the scope rules that will decide.
        """
        return (
            wants_groups(scope, client.released_claims)
            or rules.want_groups(scope)
            or self.restrictions.want_groups(client)
        )
