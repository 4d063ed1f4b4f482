"""What an ID token says (OpenID Connect Core 1.0, 2), and who gets one."""

from base64 import urlsafe_b64encode
from hashlib import sha256

from login import PASSWORD_AMR
from models import Client
from oauth.clients.registration import ID_TOKEN, OPAQUE
from oauth.policy.scope import OPENID
from oauth.tokens.contents import TokenContents
from oauth.tokens.jws import RS256
from oauth.tokens.session_ids import sid_of
from oauth.tokens.signing_keys import JWT_LIFETIME

ID_TOKEN_CLAIMS = ("iss", "sub", "aud", "exp", "iat", "auth_time", "amr", "at_hash", "acr", "sid", "nonce")
"""The claims of an ID token that are not about the user."""
_AT_HASH_OCTETS = 16


def gets_id_token(client: Client, contents: TokenContents) -> bool:
    """Whether an answer has an ID token: the user signed in at a page, or the client is registered for it.

    None if the scope `openid` was not granted, or the token is not about a person.
    """
    if contents.sign_in is None and not client.flags.get(ID_TOKEN):
        return False
    return contents.sub is not None and OPENID in contents.scope.split()


def id_token_alg(client: Client) -> str:
    """The algorithm of a client's ID tokens and logout tokens: that of its access tokens, if they are JWTs.

    Args:
        client: as registered.
    """
    return RS256 if client.access_token_format == OPAQUE else client.access_token_format


def id_token_payload(
    issuer: str, client: Client, contents: TokenContents, access_token: str
) -> dict[str, object]:
    """The claims of an ID token. Those that are None are left out of it.

    Args:
        issuer: the public base URL.
        client: the audience.
        contents: what the access token beside it says.
        access_token: the access token, for `at_hash` (3.1.3.6).
    """
    half = sha256(access_token.encode("ascii")).digest()[:_AT_HASH_OCTETS]
    payload: dict[str, object] = {
        "iss": issuer,
        "sub": contents.sub,
        "aud": client.client_id,
        "exp": contents.issued_at + JWT_LIFETIME,
        "iat": contents.issued_at,
        "auth_time": contents.auth_time,
        "amr": list(PASSWORD_AMR),
        "at_hash": _base64(half),
    }
    sign_in = contents.sign_in
    if contents.by_app_password:
        # A script holds it: no user was there. Nothing outlives the app password.
        exp = min(contents.issued_at + JWT_LIFETIME, contents.expires_at)
        return {**payload, "exp": exp, "auth_time": None, "amr": None}
    if sign_in is None:
        return payload
    own: dict[str, object] = {
        "amr": list(sign_in.amr),
        "acr": sign_in.acr,
        "sid": None if sign_in.session_id is None else sid_of(sign_in.session_id, client.client_id),
        "nonce": sign_in.nonce,
    }
    # Claims about the user never replace a claim of the token itself.
    return {**sign_in.claims, **payload, **own}


def _base64(octets: bytes) -> str:
    return urlsafe_b64encode(octets).decode("ascii").rstrip("=")
