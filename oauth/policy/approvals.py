"""What a signed-in user may approve, and the approval that an authorization code or a device code stands for.

Every page that gives a client access goes through `Approvals`, so none forgets a rule: the server's and the
client's rules about people, the rules of scopes, privacy, the client's list of claims, its pairwise `sub`.

Owns: the order of these rules. Must not know: cookies, pages, and how a code is stored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from login import Person
from models import Approval, Client, SignInSession
from oauth.errors import scope_not_for_person
from oauth.policy.acr import acr_of
from oauth.policy.claims import PairwiseSubjects, granted_claims, wants_groups
from oauth.policy.claims_request import NO_CLAIMS, ClaimsRequest
from oauth.policy.restrictions import Restrictions
from oauth.policy.scope import OFFLINE_ACCESS, OPENID, ScopeRegistry


class Requested(Protocol):
    """What an approval takes from a request, beside its scope. An authorization request is one."""

    @property
    def audience(self) -> str | None:
        """The requested resources, separated by spaces; None for this server alone (RFC 8707)."""

    @property
    def nonce(self) -> str | None:
        """What the client wants to find in its ID token again (OpenID Connect Core 1.0, 3.1.2.1)."""

    @property
    def claims(self) -> ClaimsRequest:
        """The single claims that it asks for."""


class PlainRequest(NamedTuple):
    """A request without parameters of OpenID Connect, such as that of a device (RFC 8628, 3.1)."""

    audience: str | None = None
    nonce: str | None = None
    claims: ClaimsRequest = NO_CLAIMS


@dataclass(frozen=True, slots=True, kw_only=True)
class Approvals:
    """Applies the rules about people to what they approve."""

    restrictions: Restrictions
    scope_registry: ScopeRegistry
    subjects: PairwiseSubjects

    def wants_groups(self, client: Client, scope: str, claims: ClaimsRequest = NO_CLAIMS) -> bool:
        """Whether a claim or a rule needs the person's groups: only then are groups searched for.

        Args:
            client: as registered.
            scope: space-separated.
            claims: the single claims that are requested.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        # The rules of a scope apply to its claims too, if they are requested singly.
        asked = " ".join([scope, *sorted(claims.scopes)])
        return (
            wants_groups(asked, client.released_claims)
            or self.scope_registry.rules().want_groups(asked)
            or self.restrictions.want_groups(client)
        )

    def permitted(self, client: Client, person: Person, scope: str) -> str:
        """The part of a scope that a person may approve for a client (RFC 6749, 3.3).

        `offline_access` is left out for a client that may not refresh (OpenID Connect Core 1.0, 11).

        Args:
            client: as registered.
            person: with their groups, if `wants_groups` is true.
            scope: what the client requests, space-separated; the client may have it.

        Raises:
            InvalidCredentials: a rule excludes the person; its detail names the rule.
            OAuth2Error: `invalid_scope`: the rules leave nothing.
            StoreUnavailable: the database cannot say.
        """
        self.restrictions.check_person(client, person)
        permitted = self.scope_registry.rules().permitted(person, scope).split()
        if not may_refresh(client):
            permitted = [name for name in permitted if name != OFFLINE_ACCESS]
        if not permitted:
            raise scope_not_for_person()
        return " ".join(permitted)

    def sub_of(self, client: Client, person: Person) -> str:
        """The `sub` of a person as a client sees it, to compare with what the client expects.

        Args:
            client: as registered.
            person: any.

        Raises:
            StoreUnavailable: the secret of pairwise subjects cannot be read.
        """
        return self.subjects.sub_of(client, person.id) or person.id

    def approval_of(
        self, client: Client, person: Person, session: SignInSession, request: Requested, scope: str
    ) -> Approval:
        """The approval of a signed-in person: all rules are applied again.

        Args:
            client: as registered.
            person: the person of the session, with their groups, if `wants_groups` is true.
            session: the sign-in.
            request: what was asked for.
            scope: what the person approved of `permitted`, space-separated.

        Raises:
            InvalidCredentials: a rule excludes the person.
            OAuth2Error: `invalid_scope`: the rules leave nothing.
            StoreUnavailable: the database cannot say.
        """
        scope = self.permitted(client, person, scope)
        is_openid = OPENID in scope.split()
        singly = _singly_requested(request.claims) if is_openid else {}
        claims = granted_claims(person, scope, singly, client, self.scope_registry.rules())
        return Approval(
            directory=session.directory,
            subject=person.id,
            sub=self.subjects.sub_of(client, person.id),
            net_id=None if person.private else person.net_id,
            private=person.private,
            claims=claims,
            scope=scope,
            audience=request.audience,
            password_changed_at=person.password_changed_at,
            auth_time=session.auth_time,
            acr=session.acr or acr_of(session.amr),
            amr=session.amr,
            session_id=session.id,
            nonce=request.nonce if is_openid else None,
        )


def may_refresh(client: Client) -> bool:
    """Whether a client is registered for refresh tokens."""
    return "refresh_token" in client.grant_types


def gets_refresh_token(client: Client, scope: str) -> bool:
    """Whether an approval gives a refresh token too.

    An OpenID client must ask for it by `offline_access` (OpenID Connect Core 1.0, 11). Others need only be
    registered for it, as with the other grants.

    Args:
        client: as registered.
        scope: as it was approved, space-separated.
    """
    names = scope.split()
    return may_refresh(client) and (OPENID not in names or OFFLINE_ACCESS in names)


def _singly_requested(claims: ClaimsRequest) -> Mapping[str, Sequence[str]]:
    targets = {"userinfo": claims.userinfo, "id_token": claims.id_token}
    return {target: names for target, names in targets.items() if names}
