"""A registered client, in the shape that Authlib's grants ask for (RFC 6749, 2)."""

from authlib.oauth2.rfc6749 import ClientMixin

from models import Client
from oauth.policy.scope import resolve


class OAuthClient(ClientMixin):
    """Answers Authlib's questions about one client."""

    def __init__(self, client: Client) -> None:
        self.registered = client

    def get_client_id(self) -> str:
        """The client identifier (RFC 6749, 2.2)."""
        return self.registered.client_id

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """The scope that is granted when `scope` is asked, None if it may not have it (RFC 6749, 3.3)."""
        return resolve(scope, self.registered)

    def check_grant_type(self, grant_type: str) -> bool:
        """Whether the client is registered for `grant_type`."""
        return grant_type in self.registered.grant_types

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002 - Authlib's signature
        """Whether `method` is the one that the client is registered with, at every endpoint alike."""
        return method == self.registered.token_endpoint_auth_method
