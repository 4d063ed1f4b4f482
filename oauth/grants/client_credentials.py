"""The client credentials grant (RFC 6749, 4.4): a token for the program itself, with nobody behind it."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from authlib.oauth2.rfc6749 import grants

from login import InvalidCredentials
from oauth.clients.authentication import METHODS
from oauth.errors import InvalidClient, unauthorized_client
from oauth.policy.audience import resolve_audience


class ClientCredentialsGrant(grants.ClientCredentialsGrant):
    """Only confidential clients: whoever knows a public client's id could take such a token (section 4.4)."""

    TOKEN_ENDPOINT_AUTH_METHODS = tuple(method for method in METHODS if method != "none")
    PARAMETERS = frozenset({"grant_type", "scope"})
    REPEATABLE_PARAMETERS = frozenset({"resource"})
    METADATA: ClassVar[Mapping[str, Sequence[str]]] = {"grant_types_supported": ("client_credentials",)}

    def validate_token_request(self) -> None:
        """Authenticate the client and settle its scope (RFC 6749, 4.4.2).

        Raises:
            OAuth2Error: as section 5.2 names it.
        """
        client = self.authenticate_token_endpoint_client()
        self.request.client = client
        if not client.check_grant_type(self.GRANT_TYPE):
            raise unauthorized_client()
        try:
            self.server.restrictions.check_network(client.registered, self.request.address)
        except InvalidCredentials as refusal:
            raise InvalidClient(refusal.detail, client.get_client_id()) from None
        # Rules of scopes are about people: what a program has of its own is what it is registered for.
        self.request.granted_scope = self.server.resolve_scope(self.request)
        self.request.granted_audience = resolve_audience(
            self.request.resources, client.registered, self.server.issuer
        )

    def create_token_response(self) -> tuple[int, dict[str, object], list[tuple[str, str]]]:
        """Issue and store the token; no refresh token (RFC 6749, 4.4.3)."""
        return 200, self.server.issue(self.request, refresh=False), self.TOKEN_RESPONSE_HEADER
