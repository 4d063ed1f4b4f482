"""The logout token: tells a client that a session has ended (OpenID Connect Back-Channel Logout 1.0, 2.4)."""

import secrets

from models import Client, LogoutNotice
from oauth.tokens.id_token import id_token_alg
from oauth.tokens.session_ids import sid_of
from oauth.tokens.signing_keys import SigningKeys

LOGOUT_TOKEN_TYPE = "logout+jwt"  # noqa: S105 - a kind of token
"""The `typ` of a logout token, so that nobody takes one for an ID token, or the other way round."""
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
LIFETIME = 120
"""Seconds that a logout token is good; the specification recommends two minutes at most."""
_JTI_OCTETS = 16


def logout_token(keys: SigningKeys, issuer: str, client: Client, notice: LogoutNotice, now: int) -> str:
    """Make a logout token. It never has a `nonce`, so no client can take it for an ID token.

    Args:
        keys: the keys of this server.
        issuer: the public base URL.
        client: the client that is told. The algorithm is that of its ID tokens.
        notice: the session that ended, and its user as the client knows them.
        now: seconds since the epoch.

    Raises:
        StoreUnavailable: no signing key can be read.
    """
    claims: dict[str, object] = {
        "iss": issuer,
        "aud": client.client_id,
        "iat": now,
        "exp": now + LIFETIME,
        "jti": secrets.token_urlsafe(_JTI_OCTETS),
        "events": {LOGOUT_EVENT: {}},
        "sub": notice.sub,
        "sid": sid_of(notice.session_id, client.client_id),
    }
    return keys.signer(id_token_alg(client), now).sign(LOGOUT_TOKEN_TYPE, claims)
