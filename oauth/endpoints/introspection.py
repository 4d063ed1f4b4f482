"""Token introspection (RFC 7662): what a token stands for, told to whom it concerns. It asks no directory."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from authlib.oauth2.rfc7662 import IntrospectionEndpoint

from models import AccessToken
from oauth.clients.authentication import OAuthClient
from oauth.clients.registration import METHODS
from oauth.errors import missing
from oauth.policy.audience import audience_of
from oauth.policy.claims import username_of
from oauth.policy.scope import DEFAULT
from oauth.token_request import TokenRequest
from oauth.tokens.presented import Presented, find_presented


class Introspection(IntrospectionEndpoint):
    """A client sees its own tokens; a resource server the access tokens of its scopes and its audiences.

    To anyone else every token is inactive, and so is a refresh token to any resource server: it opens none.
    """

    PATHS = ("/oauth/introspect", "/introspect")
    HTTP_METHODS = ("POST",)
    CORS = False
    PARAMETERS = frozenset({"token", "token_type_hint"})
    CLIENT_AUTH_METHODS = tuple(method for method in METHODS if method != "none")
    METADATA: ClassVar[Mapping[str, str | Sequence[str]]] = {
        "introspection_endpoint": PATHS[0],
        "introspection_endpoint_auth_methods_supported": CLIENT_AUTH_METHODS,
    }

    def authenticate_token(self, request: TokenRequest, client: OAuthClient) -> Presented | None:
        """The token if the client may know of it, else None: inactive (section 2.2).

        Raises:
            OAuth2Error: no token was sent.
            StoreUnavailable: the database cannot say.
        """
        if "token" not in request.form:
            raise missing("token")
        stores, now = self.server.stores, self.server.now()
        found = find_presented(request.form["token"], stores.grants, stores.refreshes, now)
        return found if found is not None and _concerns(found, client) else None

    def introspect_token(self, token: Presented) -> dict[str, object]:
        """What is told of a live token (section 2.2)."""
        stored = token.stored
        access = isinstance(stored, AccessToken)
        told: dict[str, object] = {
            "active": True,
            "scope": stored.scope,
            "client_id": stored.client_id,
            "exp": stored.expires_at,
            "iat": stored.issued_at,
            "nbf": stored.issued_at,
            "iss": self.server.issuer,
            # A refresh token is for this server, whatever its access tokens are for.
            "aud": audience_of(stored.audience if access else None, self.server.issuer),
            "jti": token.jti,
        }
        # A client's own token is about nobody: its id as `sub` could pass for a person's (RFC 9700, 4.15).
        if stored.subject is not None:
            told["sub"] = stored.sub or stored.subject
            if (username := username_of(stored)) is not None:
                told["username"] = username
        if access:
            told |= {"token_type": "Bearer"}
        return told


def _concerns(found: Presented, client: OAuthClient) -> bool:
    """Whether the client may know of the token: its own, or one for a resource server that it is.

    A token that names the APIs it is for is told to those APIs alone, by audience (RFC 7662, 4; RFC 8707, 2):
    its scope opens no other API, whether or not that API has registered an audience. A token that names none
    is told by scope. Both lists are explicit: a resource server with neither sees its own tokens alone, and
    no list can hold the scope `default`, which names no API.
    """
    if found.check_client(client):
        return True
    registered, stored = client.registered, found.stored
    if not registered.resource_server or not isinstance(stored, AccessToken):
        return False
    if stored.audience is not None:
        return not set(registered.audiences).isdisjoint(stored.audience.split())
    return not (set(registered.scope.split()) - {DEFAULT}).isdisjoint(stored.scope.split())
