"""Token revocation (RFC 7009): a client ends its own tokens."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from authlib.oauth2.rfc7009 import RevocationEndpoint

from models import AccessToken
from oauth.clients.authentication import OAuthClient
from oauth.errors import missing
from oauth.token_request import TokenRequest
from oauth.tokens.presented import Presented, find_presented, foreign_token


class Revocation(RevocationEndpoint):
    """Ends one access token, or a refresh token with its whole grant (section 2.1).

    The hint is ignored. Authlib refuses an unknown hint, and does not end a token that has a wrong one.
    """

    PATHS = ("/oauth/revoke", "/revoke")
    HTTP_METHODS = ("POST",)
    CORS = True
    PUBLIC_CLIENTS = True
    PARAMETERS = frozenset({"token", "token_type_hint"})
    METADATA: ClassVar[Mapping[str, str | Sequence[str]]] = {
        "revocation_endpoint": PATHS[0],
    }

    @property
    def CLIENT_AUTH_METHODS(self) -> Sequence[str]:  # noqa: N802 - Authlib's name
        """The methods of client authentication that the endpoint accepts."""
        methods: Sequence[str] = self.server.client_auth_methods(public=self.PUBLIC_CLIENTS)
        return methods

    def authenticate_token(self, request: TokenRequest, client: OAuthClient) -> Presented | None:
        """The client's token; None if there is no such token, which is answered with 200 (section 2.2).

        Raises:
            OAuth2Error: no token was sent, or it is another client's (section 2.1).
            StoreUnavailable: the database does not answer.
        """
        if "token" not in request.form:
            raise missing("token")
        stores, now = self.server.stores, self.server.now()
        found = find_presented(request.form["token"], stores.grants, stores.refreshes, now)
        if found is not None and not found.check_client(client):
            raise foreign_token(self.server.audit, request, found.stored)
        return found

    def revoke_token(self, token: Presented, request: TokenRequest) -> None:
        """End the token.

        Raises:
            StoreUnavailable: the revocation was not stored, so the answer is 503 (section 2.2.1).
        """
        stored = token.stored
        event = self.server.audit.event(
            "token.revoked", request, subject=stored.subject, grant_id=stored.grant_id, reason="client"
        )
        if isinstance(stored, AccessToken):
            ended = self.server.stores.grants.revoke_access_token(token.key, event)
        else:
            ended = self.server.stores.grants.revoke_grant(stored.grant_id, event)
        if ended:
            self.server.log.info(event.event, **event.facts())
