"""Pushed authorization requests (RFC 9126): the client sends its request itself, the browser only its name.

So nobody at the browser can read or change the request, and the client is authenticated before it starts.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from authlib.oauth2.rfc6749 import TokenEndpoint

from oauth.authorization.reading import NAMES, PUSHED, Given
from oauth.authorization.request import UnsafeRequest
from oauth.clients.authentication import OAuthClient
from oauth.endpoints.authorization.endpoint import REQUEST_URI, check_parameters, proven_redirect_uri
from oauth.errors import malformed
from oauth.token_request import TokenRequest
from oauth.tokens.handles import new_handle

REQUEST_SECONDS = 60
"""The lifetime of a pushed request (RFC 9126, 2.2)."""


class PushedRequests(TokenEndpoint):
    """Checks a request as the authorization endpoint does, and stores it for one use."""

    ENDPOINT_NAME = "pushed_authorization_request"
    PATHS = ("/oauth/par", "/par")
    HTTP_METHODS = ("POST",)
    CORS = True
    PARAMETERS = NAMES.once
    REPEATABLE_PARAMETERS = NAMES.repeatable
    METADATA: ClassVar[Mapping[str, str | Sequence[str]]] = {
        "pushed_authorization_request_endpoint": PATHS[0]
    }

    @property
    def CLIENT_AUTH_METHODS(self) -> Sequence[str]:  # noqa: N802 - Authlib's name
        """The methods of client authentication, which are those of the token endpoint (section 2)."""
        methods: Sequence[str] = self.server.client_auth_methods()
        return methods

    def create_endpoint_response(
        self, request: TokenRequest
    ) -> tuple[int, Mapping[str, object], list[tuple[str, str]]]:
        """Store the request, and answer with its name (sections 2.1 and 2.2).

        Raises:
            OAuth2Error: the client is not authenticated, or its request is wrong (section 2.3).
            ClientThrottled: too many authentications failed.
            StoreUnavailable: nothing was stored.
        """
        client: OAuthClient = self.authenticate_endpoint_client(request)
        self.server.require_network(client.registered, request.address)
        checked = check_parameters(self.server, request, *_given(client, request))
        handle, now = new_handle(), self.server.now()
        expires_at = now + REQUEST_SECONDS
        self.server.stores.requests.add(
            handle.key, "pushed", client.get_client_id(), checked.parameters, expires_at
        )
        return 201, {"request_uri": REQUEST_URI + handle.text, "expires_in": REQUEST_SECONDS}, []


def _given(client: OAuthClient, request: TokenRequest) -> tuple[str, Given]:
    """The proven redirect URI of a pushed request, and its parameters.

    Raises:
        OAuth2Error: `invalid_request`: the request is not the client's, or names another pushed one.
    """
    if request.form.get("client_id", client.get_client_id()) != client.get_client_id():
        raise malformed("The client_id is not that of the authenticated client.")
    if "request_uri" in request.form:
        raise malformed("A pushed request has no request_uri.")
    sent = {name: value for name, value in request.form.items() if name in NAMES.once}
    given = Given({**sent, "client_id": client.get_client_id(), PUSHED: "true"}, request.resources)
    try:
        return proven_redirect_uri(client, given), given
    except UnsafeRequest as refusal:
        raise malformed(refusal.description) from None
