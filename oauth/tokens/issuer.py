"""What is in a token: nothing, or for a client that is registered so, a JWT (RFC 9068); and ID tokens."""

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from os import urandom
from typing import Self

from models import Client, NewGrant
from oauth.clients.registration import ID_TOKEN, OPAQUE
from oauth.policy.audience import audience_of
from oauth.tokens.format import ACCESS, mint
from oauth.tokens.jws import RS256, Signer
from oauth.tokens.lifetimes import Lifetimes
from oauth.tokens.signing_keys import JWT_LIFETIME, SigningKeys

OPENID = "openid"
_JTI_OCTETS = 16
_AT_HASH_OCTETS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenContents:
    """What is stored of an access token, and so what a JWT says. Times are seconds since the epoch.

    `sub` is None for a client's own token.
    """

    sub: str | None
    scope: str
    audience: str | None
    auth_time: int
    issued_at: int
    expires_at: int

    @classmethod
    def of(cls, grant: NewGrant, expires_at: int) -> Self:
        """Those of a grant's first access token, which ends at `expires_at` (seconds since the epoch)."""
        return cls(
            sub=grant.sub or grant.subject,
            scope=grant.scope,
            audience=grant.audience,
            auth_time=grant.auth_time,
            issued_at=grant.auth_time,
            expires_at=expires_at,
        )


@dataclass(frozen=True, slots=True)
class TokenIssuer:
    """Makes access tokens and ID tokens in the name of `issuer`."""

    issuer: str
    lifetimes: Lifetimes
    keys: SigningKeys

    def end(self, client: Client, at: int) -> int:
        """When an access token of `client` that is issued at `at` ends; both in seconds since the epoch."""
        longest = self.lifetimes.access_token
        return at + (longest if client.access_token_format == OPAQUE else min(longest, JWT_LIFETIME))

    def access(
        self, client: Client, facts: TokenContents, octets: bytes | None = None, *, fraction: float = 0.0
    ) -> str:
        """An access token.

        Args:
            client: whom it is issued to.
            facts: what is stored of it.
            octets: 32 that nobody else can know; random ones if None.
            fraction: of the second in which it is issued, so that those of one second stand in their order.

        Raises:
            StoreUnavailable: there is no key at hand to sign with.
        """
        if client.access_token_format == OPAQUE:
            return mint(ACCESS, facts.expires_at + fraction, octets)
        signer = self.keys.signer(client.access_token_format, facts.issued_at)
        return self._jwt(signer, client, facts, octets or urandom(32))

    def repeated(self, client: Client, facts: TokenContents, octets: bytes) -> Iterator[str]:
        """The access tokens that `access` may have made of these, in the first release too.

        A JWT for each key that may have signed.

        Args and errors as of `access`.
        """
        if client.access_token_format == OPAQUE:
            for first_form in (False, True):
                yield mint(ACCESS, facts.expires_at, octets, first_form=first_form)
            return
        for signer in self.keys.candidates(client.access_token_format, facts.issued_at):
            yield self._jwt(signer, client, facts, octets)

    def id_token(self, client: Client, facts: TokenContents, access_token: str) -> str | None:
        """An ID token (OpenID Connect Core 1.0, 2), for a client that is registered for them.

        None where there is none: the scope `openid` was not granted, or no person stands behind the token.

        Raises:
            StoreUnavailable: there is no key at hand to sign with.
        """
        if not client.flags.get(ID_TOKEN) or facts.sub is None or OPENID not in facts.scope.split():
            return None
        alg = RS256 if client.access_token_format == OPAQUE else client.access_token_format
        half = sha256(access_token.encode("ascii")).digest()[:_AT_HASH_OCTETS]
        claims: dict[str, object] = {
            "iss": self.issuer,
            "sub": facts.sub,
            "aud": client.client_id,
            "exp": facts.issued_at + JWT_LIFETIME,
            "iat": facts.issued_at,
            "auth_time": facts.auth_time,
            "amr": ["pwd"],
            "at_hash": _base64(half),
        }
        return self.keys.signer(alg, facts.issued_at).sign("JWT", claims)

    def answer(
        self, client: Client, facts: TokenContents, access: str, refresh: str | None, now: int
    ) -> dict[str, object]:
        """What the token endpoint says (RFC 6749, 5.1), with an ID token where one belongs to it.

        Args:
            client: whom it is said to.
            facts: what is stored of the access token.
            access: the access token.
            refresh: the refresh token, if there is one.
            now: seconds since the epoch.

        Raises:
            StoreUnavailable: there is no key at hand to sign with.
        """
        token: dict[str, object] = {
            "token_type": "Bearer",
            "access_token": access,
            "expires_in": facts.expires_at - now,
            "refresh_token": refresh,
            "scope": facts.scope,
            "id_token": self.id_token(client, facts, access),
        }
        return {name: value for name, value in token.items() if value is not None}

    def _jwt(self, signer: Signer, client: Client, facts: TokenContents, octets: bytes) -> str:
        """A JWT access token (RFC 9068, 2). A client's own is about the client, and tells of no login."""
        claims: dict[str, object] = {
            "iss": self.issuer,
            "exp": facts.expires_at,
            "aud": audience_of(facts.audience, self.issuer),
            "sub": facts.sub or client.client_id,
            "client_id": client.client_id,
            "iat": facts.issued_at,
            "jti": _base64(octets[:_JTI_OCTETS]),
            "scope": facts.scope,
            "auth_time": None if facts.sub is None else facts.auth_time,
        }
        return signer.sign("at+jwt", claims)


def _base64(octets: bytes) -> str:
    return urlsafe_b64encode(octets).decode("ascii").rstrip("=")
