"""Issuing: a grant with its tokens, and ID tokens.

An access token is opaque, or a JWT (RFC 9068) for a client that is registered for JWTs.
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from os import urandom

from login import AppPasswordRecord, Person
from models import (
    AppPasswordUse,
    Approval,
    Client,
    GrantStore,
    IssueCondition,
    NewGrant,
    NewToken,
    new_grant_id,
)
from oauth.audit import Audit
from oauth.clients.registration import OPAQUE
from oauth.policy.approvals import gets_refresh_token
from oauth.policy.audience import audience_of
from oauth.policy.claims import PairwiseSubjects, claims_of, id_token_claims
from oauth.token_request import TokenRequest
from oauth.tokens.contents import SignIn, TokenContents
from oauth.tokens.format import ACCESS, RANDOM_OCTETS, REFRESH, mint, stored_key
from oauth.tokens.id_token import gets_id_token, id_token_alg, id_token_payload
from oauth.tokens.jws import Signer
from oauth.tokens.signing_keys import JWT_LIFETIME, SigningKeys
from telemetry import AuditEvent

_JTI_OCTETS = 16


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
        self,
        request: TokenRequest,
        origin: str,
        person: Person | None,
        *,
        refresh: bool,
        app_password: AppPasswordRecord | None = None,
    ) -> tuple[dict[str, object], Sequence[AuditEvent]]:
        """Store a new grant with its tokens and audit row, in one transaction.

        Args:
            request: with its client, and its scope and audience as they were granted.
            origin: the grant type.
            person: the user of the token; None for a client's own token.
            refresh: whether to issue a refresh token too.
            app_password: that stands in the place of the user's password. No token lives longer.

        Returns:
            The answer of the token endpoint, and the audit events that were stored.

        Raises:
            ClientEnded: the client was disabled meanwhile.
            AppPasswordEnded: the app password ended meanwhile.
            StoreUnavailable: nothing was stored.
        """
        moment = self.clock()
        expires_at = self._grant_end(request, int(moment), refresh=refresh)
        grant = self._new_grant(request, origin, person, moment, expires_at=expires_at)
        if app_password is None:
            return self._issue(request, grant, moment, refresh=refresh)
        end = app_password.expires_at
        grant = grant._replace(app_password_id=app_password.id, expires_at=min(grant.expires_at, end))
        use = AppPasswordUse(app_password.id, used_at=app_password.last_used_at)
        return self._issue(request, grant, moment, refresh=refresh, redeem=use, end=end)

    def issue_approved(
        self, request: TokenRequest, origin: str, approval: Approval, redeem: IssueCondition, *, refresh: bool
    ) -> tuple[dict[str, object], Sequence[AuditEvent]]:
        """Store the grant that a user approved, and use up the code, in one transaction.

        Args:
            request: with its client, its granted scope, and the audience of the access token.
            origin: the grant type.
            approval: what the user approved. Its audience is the grant's: a refresh may ask for all of it.
            redeem: uses up the code.
            refresh: whether to issue a refresh token too, if the rules of `gets_refresh_token` allow it.

        Returns:
            The answer of the token endpoint, and the audit events that were stored.

        Raises:
            AlreadyUsed: the code was used or has ended, or its session has; nothing was stored.
            ClientEnded, StoreUnavailable: the client was disabled meanwhile, or nothing was stored.
        """
        moment, client = self.clock(), request.client
        refresh = refresh and gets_refresh_token(client.registered, request.granted_scope)
        grant = self._approved_grant(request, origin, approval, moment, refresh=refresh)
        # The client's list of claims may have become shorter since the approval.
        claims = id_token_claims(approval.claims, client.registered.released_claims)
        sign_in = SignIn.of_approval(approval, claims)
        return self._issue(request, grant, moment, refresh=refresh, sign_in=sign_in, redeem=redeem)

    def _approved_grant(
        self, request: TokenRequest, origin: str, approval: Approval, moment: float, *, refresh: bool
    ) -> NewGrant:
        return NewGrant(
            id=new_grant_id(moment),
            client_id=request.client.get_client_id(),
            subject=approval.subject,
            net_id=approval.net_id,
            scope=request.granted_scope,
            claims=approval.claims,
            password_changed_at=approval.password_changed_at,
            auth_time=approval.auth_time,
            expires_at=self._grant_end(request, int(moment), refresh=refresh),
            origin=origin,
            directory=approval.directory,
            sub=approval.sub,
            audience=approval.audience,
            private=approval.private,
            acr=approval.acr,
            amr=approval.amr,
            session_id=approval.session_id,
        )

    def _grant_end(self, request: TokenRequest, now: int, *, refresh: bool) -> int:
        """When a grant that begins now ends. With a refresh token that is kept, it ends with that."""
        if not refresh:
            return self.end(request.client.registered, now)
        return now + (self.lifetimes.kept() if request.client.keeps_refresh_token else self.lifetimes.grant)

    def _issue(
        self,
        request: TokenRequest,
        grant: NewGrant,
        moment: float,
        *,
        refresh: bool,
        sign_in: SignIn | None = None,
        redeem: IssueCondition | None = None,
        end: int | None = None,
    ) -> tuple[dict[str, object], Sequence[AuditEvent]]:
        client: Client = request.client.registered
        now = int(moment)
        fraction = moment - now
        ends = self.end(client, now) if end is None else min(self.end(client, now), end)
        random = urandom(2 * RANDOM_OCTETS)
        contents = TokenContents.of(grant, request.granted_audience, now, ends, sign_in)
        access = self.access(client, contents, random[:RANDOM_OCTETS], fraction=fraction)
        token = new_refresh = None
        if refresh:
            idle = min(now + self.lifetimes.refresh(), grant.expires_at)
            # A kept token stays in its table until its last end; how long it may be idle is in its row.
            last = grant.expires_at if request.client.keeps_refresh_token else idle
            token = mint(REFRESH, last + fraction, random[RANDOM_OCTETS:])
            new_refresh = NewToken(key=stored_key(REFRESH, token), expires_at=idle)
        answer = self.answer(client, contents, access, token, now)
        new_access = NewToken(
            key=stored_key(ACCESS, access), expires_at=ends, audience=request.granted_audience
        )
        return answer, self._store(request, grant, new_access, new_refresh, redeem, at=now)

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
        self,
        request: TokenRequest,
        grant: NewGrant,
        access: NewToken,
        refresh: NewToken | None,
        redeem: IssueCondition | None,
        *,
        at: int,
    ) -> Sequence[AuditEvent]:
        event = self.audit.event(
            "token.issued", request, subject=grant.subject, grant_id=grant.id, scope=grant.scope
        )
        capped = self.grants.issue(
            grant, access, refresh, event, secret_used=request.secret_used, redeem=redeem, at=at
        )
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
        """An ID token (OpenID Connect Core 1.0, 2), None if this answer has none (`gets_id_token`).

        Raises:
            StoreUnavailable: no signing key can be read.
        """
        if not gets_id_token(client, contents):
            return None
        payload = id_token_payload(self.issuer, client, contents, access_token)
        return self.keys.signer(id_token_alg(client), contents.issued_at).sign("JWT", payload)

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
        """A JWT access token (RFC 9068, 2). A client's own has the client as `sub`.

        There is no `auth_time` unless a user logged in.
        """
        has_login = contents.sub is not None and not contents.by_app_password
        claims: dict[str, object] = {
            "iss": self.issuer,
            "exp": contents.expires_at,
            "aud": audience_of(contents.audience, self.issuer),
            "sub": contents.sub or client.client_id,
            "client_id": client.client_id,
            "iat": contents.issued_at,
            "jti": _base64(octets[:_JTI_OCTETS]),
            "scope": contents.scope,
            "auth_time": contents.auth_time if has_login else None,
        }
        return signer.sign("at+jwt", claims)


def _base64(octets: bytes) -> str:
    return urlsafe_b64encode(octets).decode("ascii").rstrip("=")
