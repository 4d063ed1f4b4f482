"""The client credentials grant (RFC 6749, 4.4): a token for the client itself, without a person."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from login import InvalidCredentials
from oauth.errors import InvalidClient
from oauth.grants.pipeline import Grant


class ClientCredentialsGrant(Grant):
    """Only for confidential clients: anyone could take such a token in a public client's name (section 4.4).

    Scope rules are about people. They do not apply: a client has the scope that it is registered for.
    """

    GRANT_TYPE = "client_credentials"
    PARAMETERS = frozenset({"grant_type", "scope"})
    METADATA: ClassVar[Mapping[str, Sequence[str]]] = {"grant_types_supported": (GRANT_TYPE,)}
    PUBLIC_CLIENTS = False

    def network_error(self, refusal: InvalidCredentials) -> Exception:
        """The client itself is refused."""
        return InvalidClient(refusal.detail, self.oauth_client.get_client_id())

    def find_person(self) -> None:
        """There is no person."""
