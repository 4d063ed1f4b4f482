"""Issuing: a grant with its tokens, and ID tokens.

An access token is opaque, or a JWT (RFC 9068) for a client that is registered for JWTs.
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from os import urandom
from typing import Self

from login import Person
from models import Client, GrantStore, NewGrant, NewToken, new_grant_id
from oauth.audit import Audit
from oauth.clients.registration import ID_TOKEN, OPAQUE
from oauth.policy.audience import audience_of
from oauth.policy.claims import PairwiseSubjects, claims_of
from oauth.token_request import TokenRequest
from oauth.tokens.format import ACCESS, RANDOM_OCTETS, REFRESH, mint, stored_key
from oauth.tokens.jws import RS256, Signer
from oauth.tokens.signing_keys import JWT_LIFETIME, SigningKeys
from telemetry import AuditEvent

OPENID = "openid"
ID_TOKEN_CLAIMS = ("iss", "sub", "aud", "exp", "iat", "auth_time", "amr", "at_hash")
"""The claims of an ID token."""
_JTI_OCTETS = 16
_AT_HASH_OCTETS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """Lifetimes in seconds: of an access token; of a refresh token, used or idle; of a whole grant."""

    access_token: int
    refresh_token: int
    refresh_idle: int
    grant: int

    def refresh(self) -> int:
        """Seconds until an unused refresh token ends: the shortest bound that applies to it."""
        return min(self.refresh_token, self.refresh_idle, self.grant)

    def kept(self) -> int:
        """Seconds for which a kept refresh token may be used, if it is never idle for too long."""
        return min(self.refresh_token, self.grant)

    def idle_steps(self) -> int:
        """Seconds by which a use must move the idle end of a kept token to be worth a write."""
        return min(3600, self.refresh_idle // 24)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenContents:
    """The contents of an access token, as stored and as a JWT has them. Times are seconds since the epoch.

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
        """The contents of a grant's first access token. It ends at `expires_at` (seconds since the epoch)."""
        return cls(
            sub=grant.sub or grant.subject,
            scope=grant.scope,
            audience=grant.audience,
            auth_time=grant.auth_time,
            issued_at=grant.auth_time,
            expires_at=expires_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIssuer:
    """Issues grants, access tokens and ID tokens in the name of `issuer`, the public base URL."""

    issuer: str
    lifetimes: Lifetimes
    keys: SigningKeys
    subjects: PairwiseSubjects
    grants: GrantStore
    audit: Audit
    clock: Callable[[], float]

    def issue(
        self, request: TokenRequest, origin: str, person: Person | None, *, refresh: bool
    ) -> tuple[dict[str, object], Sequence[AuditEvent]]:
        """Store a new grant with its tokens and audit row, in one transaction.

        Args:
            request: with its client, and its scope and audience as they were granted.
            origin: the grant type.
            person: the user of the token; None for a client's own token.
            refresh: whether to issue a refresh token too.

        Returns:
            The answer of the token endpoint, and the audit events that were stored.

        Raises:
            ClientEnded: the client was disabled meanwhile.
            StoreUnavailable: nothing was stored.
        """
        moment, oauth_client = self.clock(), request.client
        client: Client = oauth_client.registered
        now = int(moment)
        fraction = moment - now
        keeps = refresh and oauth_client.keeps_refresh_token
        # A grant lives no longer than a refresh token that is kept.
        family = now + (self.lifetimes.kept() if keeps else self.lifetimes.grant)
        ends = self.end(client, now)
        random = urandom(2 * RANDOM_OCTETS)
        grant = self._new_grant(request, origin, person, moment, expires_at=family if refresh else ends)
        contents = TokenContents.of(grant, ends)
        access = self.access(client, contents, random[:RANDOM_OCTETS], fraction=fraction)
        token = new_refresh = None
        if refresh:
            idle = now + self.lifetimes.refresh()
            # A kept token stays in its table until its last end; how long it may be idle is in its row.
            token = mint(REFRESH, (family if keeps else idle) + fraction, random[RANDOM_OCTETS:])
            new_refresh = NewToken(key=stored_key(REFRESH, token), expires_at=idle)
        answer = self.answer(client, contents, access, token, now)
        new_access = NewToken(key=stored_key(ACCESS, access), expires_at=ends)
        return answer, self._store(request, grant, new_access, new_refresh)

    def _new_grant(
        self, request: TokenRequest, origin: str, person: Person | None, moment: float, *, expires_at: int
    ) -> NewGrant:
        client, scope = request.client.registered, request.granted_scope
        return NewGrant(
            id=new_grant_id(moment),
            client_id=client.client_id,
            subject=person.id if person else None,
            sub=self.subjects.sub_of(client, person.id) if person else None,
            net_id=person.net_id if person and not person.private else None,
            scope=scope,
            audience=request.granted_audience,
            claims=claims_of(person, scope, client.released_claims) if person else {},
            private=bool(person and person.private),
            password_changed_at=person.password_changed_at if person else None,
            auth_time=int(moment),
            expires_at=expires_at,
            origin=origin,
        )

    def _store(
        self, request: TokenRequest, grant: NewGrant, access: NewToken, refresh: NewToken | None
    ) -> Sequence[AuditEvent]:
        event = self.audit.event(
            "token.issued", request, subject=grant.subject, grant_id=grant.id, scope=grant.scope
        )
        capped = self.grants.issue(grant, access, refresh, event, secret_used=request.secret_used)
        self.audit.write_due()
        return (event, capped) if capped else (event,)

    def end(self, client: Client, at: int) -> int:
        """When an access token of `client` that is issued at `at` ends; both in seconds since the epoch."""
        longest = self.lifetimes.access_token
        return at + (longest if client.access_token_format == OPAQUE else min(longest, JWT_LIFETIME))

    def access(
        self, client: Client, contents: TokenContents, octets: bytes | None = None, *, fraction: float = 0.0
    ) -> str:
        """An access token.

        Args:
            client: the client that gets it.
            contents: what is stored about it.
            octets: 32 secret octets; random ones if None.
            fraction: of the second in which it is issued; it orders the tokens of one second.

        Raises:
            StoreUnavailable: no signing key can be read.
        """
        if client.access_token_format == OPAQUE:
            return mint(ACCESS, contents.expires_at + fraction, octets)
        signer = self.keys.signer(client.access_token_format, contents.issued_at)
        return self._jwt(signer, client, contents, octets or urandom(RANDOM_OCTETS))

    def repeated(self, client: Client, contents: TokenContents, octets: bytes) -> Iterator[str]:
        """The access tokens that `access` may have made of these: a JWT for each key that may have signed.

        Args and errors as of `access`.
        """
        if client.access_token_format == OPAQUE:
            yield mint(ACCESS, contents.expires_at, octets)
            return
        for signer in self.keys.candidates(client.access_token_format, contents.issued_at):
            yield self._jwt(signer, client, contents, octets)

    def id_token(self, client: Client, contents: TokenContents, access_token: str) -> str | None:
        """An ID token (OpenID Connect Core 1.0, 2), for a client that is registered for them.

        None if the scope `openid` was not granted, or the token is not about a person.

        Raises:
            StoreUnavailable: no signing key can be read.
        """
        if not client.flags.get(ID_TOKEN) or contents.sub is None or OPENID not in contents.scope.split():
            return None
        alg = RS256 if client.access_token_format == OPAQUE else client.access_token_format
        half = sha256(access_token.encode("ascii")).digest()[:_AT_HASH_OCTETS]
        claims: dict[str, object] = {
            "iss": self.issuer,
            "sub": contents.sub,
            "aud": client.client_id,
            "exp": contents.issued_at + JWT_LIFETIME,
            "iat": contents.issued_at,
            "auth_time": contents.auth_time,
            "amr": ["pwd"],
            "at_hash": _base64(half),
        }
        return self.keys.signer(alg, contents.issued_at).sign("JWT", claims)

    def answer(
        self, client: Client, contents: TokenContents, access: str, refresh: str | None, now: int
    ) -> dict[str, object]:
        """The body of the token endpoint's answer (RFC 6749, 5.1), with an ID token if the client gets one.

        Args:
            client: the client that gets it.
            contents: what is stored about the access token.
            access: the access token.
            refresh: the refresh token, if there is one.
            now: seconds since the epoch.

        Raises:
            StoreUnavailable: no signing key can be read.
        """
        token: dict[str, object] = {
            "token_type": "Bearer",
            "access_token": access,
            "expires_in": contents.expires_at - now,
            "refresh_token": refresh,
            "scope": contents.scope,
            "id_token": self.id_token(client, contents, access),
        }
        return {name: value for name, value in token.items() if value is not None}

    def _jwt(self, signer: Signer, client: Client, contents: TokenContents, octets: bytes) -> str:
        """A JWT access token (RFC 9068, 2). A client's own has the client as `sub`, and no `auth_time`."""
        claims: dict[str, object] = {
            "iss": self.issuer,
            "exp": contents.expires_at,
            "aud": audience_of(contents.audience, self.issuer),
            "sub": contents.sub or client.client_id,
            "client_id": client.client_id,
            "iat": contents.issued_at,
            "jti": _base64(octets[:_JTI_OCTETS]),
            "scope": contents.scope,
            "auth_time": None if contents.sub is None else contents.auth_time,
        }
        return signer.sign("at+jwt", claims)


def _base64(octets: bytes) -> str:
    return urlsafe_b64encode(octets).decode("ascii").rstrip("=")
