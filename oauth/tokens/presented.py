"""A token that a client presents at the revocation or introspection endpoint.

The prefix of a token gives its kind. So a wrong `token_type_hint` changes nothing (RFC 7009, 2.1).
"""

from dataclasses import dataclass

from authlib.oauth2 import OAuth2Error

from models import AccessToken, GrantStore, RefreshStore, RefreshToken
from oauth.audit import Audit
from oauth.clients.authentication import OAuthClient
from oauth.errors import invalid_refresh_token
from oauth.token_request import TokenRequest
from oauth.tokens.format import ACCESS, REFRESH, jti_of, key_of


@dataclass(frozen=True, slots=True)
class Presented:
    """A stored token, in the shape that Authlib's endpoints ask for.

    `hides_user` says that the client that presented it may not learn about the user.
    """

    key: bytes
    jti: str
    stored: AccessToken | RefreshToken
    now: int
    hides_user: bool = False

    def check_client(self, client: OAuthClient) -> bool:
        """Whether the token was issued to `client`."""
        return self.stored.client_id == client.get_client_id()

    def is_expired(self) -> bool:
        """Whether the token has ended, or is a refresh token that was used."""
        used = isinstance(self.stored, RefreshToken) and self.stored.used_at is not None
        return used or not self.stored.is_live(self.now)

    def is_revoked(self) -> bool:
        """Whether the token's grant was revoked."""
        return self.stored.revoked_at is not None


def find_presented(token: str, grants: GrantStore, refreshes: RefreshStore, now: int) -> Presented | None:
    """The stored token for a presented one, or None.

    Args:
        token: as presented.
        grants: the store of access tokens.
        refreshes: the store of refresh tokens.
        now: seconds since the epoch.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    stored: AccessToken | RefreshToken | None = None
    if key := key_of(ACCESS, token):
        stored = grants.find_access_token(key)
    elif key := key_of(REFRESH, token):
        stored = refreshes.find(key)
    return Presented(key, jti_of(token, key), stored, now) if key and stored else None


def foreign_token(audit: Audit, request: TokenRequest, stored: AccessToken | RefreshToken) -> OAuth2Error:
    """The error for a client that presents another client's token. Log and audit name both clients.

    The client gets the same error as for an unknown token (RFC 6749, 5.2).

    Args:
        audit: where it is noted.
        request: of the client that presented the token.
        stored: the token.
    """
    audit.note_foreign(request, stored)
    return invalid_refresh_token()
