"""Reads an ID token that comes back as `id_token_hint` (OpenID Connect Core 1.0, 3.1.2.1).

A hint names a user; it proves nobody. So one that has expired is still good. Access tokens and logout tokens
are JWTs under the same keys, and their `typ` tells them apart (RFC 8725, 3.11).
"""

from typing import NamedTuple

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from oauth.tokens.jws import ALGORITHMS
from oauth.tokens.signing_keys import SigningKeys

HINT_LENGTH = 8192
"""The most characters of a hint."""


class SignerForgotten(Exception):
    """The key that a hint names is gone, so nobody can say any more whether this server signed it."""


class IdTokenHint(NamedTuple):
    """The user whom a hint names, as its client knows them, and the session that the ID token is of."""

    client_id: str
    sub: str
    sid: str | None = None


def read_hint(token: str, keys: SigningKeys, issuer: str) -> IdTokenHint | None:
    """What a hint says; None if it is no ID token of this server.

    Args:
        token: as it was sent.
        keys: the keys that sign ID tokens.
        issuer: the public base URL.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    try:
        return verify_hint(token, keys, issuer)
    except SignerForgotten:
        return None


def verify_hint(token: str, keys: SigningKeys, issuer: str) -> IdTokenHint | None:
    """As `read_hint`, for a caller to whom a hint of an old key is not the same as a wrong one.

    Raises:
        SignerForgotten: no key of this server has the id that the hint names.
        StoreUnavailable: the database cannot say.
    """
    if len(token) > HINT_LENGTH:
        return None
    trusted = keys.trusted()
    try:
        decoded = jwt.decode(token, KeySet.import_key_set({"keys": trusted}), algorithms=list(ALGORITHMS))
    except InvalidKeyIdError:
        raise SignerForgotten from None
    # Deeply nested brackets exceed Python's recursion limit.
    except (JoseError, ValueError, RecursionError):
        return None
    claims = decoded.claims
    audience, sub, sid = claims.get("aud"), claims.get("sub"), claims.get("sid")
    is_ours = decoded.header.get("typ") == "JWT" and claims.get("iss") == issuer
    if not is_ours or not isinstance(audience, str) or not isinstance(sub, str):
        return None
    return IdTokenHint(audience, sub, sid if isinstance(sid, str) else None)
