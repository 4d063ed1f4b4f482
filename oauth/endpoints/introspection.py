"""Token introspection (RFC 7662): which clients see what of a token. It reads no directory."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum
from typing import ClassVar

from authlib.oauth2.rfc7662 import IntrospectionEndpoint

from models import AccessToken
from oauth.clients.authentication import OAuthClient
from oauth.errors import missing
from oauth.policy.audience import audience_of
from oauth.policy.claims import username_of
from oauth.policy.scope import DEFAULT
from oauth.token_request import TokenRequest
from oauth.tokens.presented import Presented, find_presented


class Visibility(Enum):
    """What a client may see of a token."""

    NONE = "inactive"
    WITHOUT_USER = "active, without the user"
    WHOLE = "active"


class Introspection(IntrospectionEndpoint):
    """A client sees its own tokens; a resource server sees the access tokens that are meant for it.

    For every other client a token is inactive. A refresh token is inactive for every resource server.
    """

    PATHS = ("/oauth/introspect", "/introspect")
    HTTP_METHODS = ("POST",)
    CORS = False
    PUBLIC_CLIENTS = False
    PARAMETERS = frozenset({"token", "token_type_hint"})
    METADATA: ClassVar[Mapping[str, str | Sequence[str]]] = {"introspection_endpoint": PATHS[0]}

    @property
    def CLIENT_AUTH_METHODS(self) -> Sequence[str]:  # noqa: N802 - Authlib's name
        """The methods of client authentication that the endpoint accepts."""
        methods: Sequence[str] = self.server.client_auth_methods(public=self.PUBLIC_CLIENTS)
        return methods

    def authenticate_token(self, request: TokenRequest, client: OAuthClient) -> Presented | None:
        """The token if the client may know of it, else None: inactive (section 2.2).

        Raises:
            OAuth2Error: no token was sent.
            StoreUnavailable: the database does not answer.
        """
        if "token" not in request.form:
            raise missing("token")
        stores, now = self.server.stores, self.server.now()
        found = find_presented(request.form["token"], stores.grants, stores.refreshes, now)
        if found is None:
            return None
        visibility = _visibility(found, client, self.server.issuer)
        if visibility is Visibility.WITHOUT_USER:
            return replace(found, hides_user=True)
        return found if visibility is Visibility.WHOLE else None

    def introspect_token(self, token: Presented) -> dict[str, object]:
        """The members of the answer about a live token (section 2.2)."""
        stored = token.stored
        access = isinstance(stored, AccessToken)
        members: dict[str, object] = {
            "active": True,
            "scope": stored.scope,
            "client_id": stored.client_id,
            "exp": stored.expires_at,
            "iat": stored.issued_at,
            "nbf": stored.issued_at,
            "iss": self.server.issuer,
            # The audience of a refresh token is this server, whatever that of its access tokens.
            "aud": audience_of(stored.audience if access else None, self.server.issuer),
            "jti": token.jti,
        }
        # A client's own token has no user. A client id as `sub` could pass for a user's (RFC 9700, 4.15).
        if stored.subject is not None and not token.hides_user:
            members["sub"] = stored.sub or stored.subject
            if (username := username_of(stored)) is not None:
                members["username"] = username
        if access:
            members |= {"token_type": "Bearer"}
        return members


def _visibility(found: Presented, client: OAuthClient, issuer: str) -> Visibility:
    """The view of a token for its own client, or for a resource server.

    If a token names APIs, only those see it, by audience (RFC 7662, 4; RFC 8707, 2). The issuer is also the
    audience of a token that names no API, and that of a resource server without a registered one. Such a
    resource server learns that a token without its scopes is valid, so that it can answer
    `insufficient_scope` (RFC 6750, 3.1), but nothing about the user (RFC 7662, 5). If a resource server has
    other audiences, it sees tokens that name no API by its scopes only. No list can hold `default`.
    """
    if found.check_client(client):
        return Visibility.WHOLE
    registered, stored = client.registered, found.stored
    if not registered.resource_server or not isinstance(stored, AccessToken):
        return Visibility.NONE
    named = set((stored.audience or "").split())
    if not named.isdisjoint(registered.audiences):
        return Visibility.WHOLE
    audience_is_issuer = not named or issuer in named
    serves_issuer = not registered.audiences or issuer in registered.audiences
    has_scope = not (set(registered.scope.split()) - {DEFAULT}).isdisjoint(stored.scope.split())
    if audience_is_issuer and serves_issuer:
        return Visibility.WHOLE if has_scope else Visibility.WITHOUT_USER
    return Visibility.WHOLE if not named and has_scope else Visibility.NONE
