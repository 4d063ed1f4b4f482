"""Authlib's authorization server, joined to our stores, our login and our strictness."""

import time
from collections.abc import Callable, Mapping, Sequence

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2 import OAuth2Error
from flask import Response

from login import ClientFailures, Login, Person
from models import (
    Client,
    ClientStore,
    GrantStore,
    MissingPersonStore,
    NewGrant,
    NewToken,
    RefreshStore,
    new_grant_id,
)
from oauth.audit import Refusals
from oauth.clients.authentication import StrictClientAuthentication
from oauth.clients.registration import TOLERANT_SCOPE, keeps_refresh_token
from oauth.declarations import Declarations
from oauth.errors import InvalidClient, UnsupportedGrantType, invalid_scope
from oauth.grants.client_credentials import ClientCredentialsGrant
from oauth.grants.password import PasswordGrant
from oauth.grants.refresh_token import RefreshGrant
from oauth.policy.claims import claims_of, wants_groups
from oauth.policy.restrictions import Restrictions
from oauth.policy.scope import resolve
from oauth.policy.scope_registry import ScopeRegistry, ScopeRules
from oauth.responses import error_response, json_response
from oauth.token_request import TokenRequest
from oauth.tokens.format import ACCESS, REFRESH, mint, stored_key
from oauth.tokens.issuer import TokenContents, TokenIssuer
from oauth.tokens.lifetimes import Lifetimes
from oauth.tokens.rotation import RotatedTokens
from oauth.tokens.signing_keys import SigningKeys
from oauth.tokens.subject import PairwiseSubjects
from telemetry import AuditEvent, Log, LogSampler


class Server(AuthorizationServer):
    """The endpoints' server (RFC 6749, 3.2; RFC 7009; RFC 7662).

    For `replay_window` seconds a client whose answer was lost may present its refresh token again.
    """

    NAME = "netid-oauth-server"
    """Where the application keeps its server, in `app.extensions`."""

    def __init__(
        self,
        *,
        issuer: str,
        clients: ClientStore,
        client_failures: ClientFailures,
        grants: GrantStore,
        refreshes: RefreshStore,
        absences: MissingPersonStore,
        login: Login,
        restrictions: Restrictions,
        catalogue: ScopeRegistry,
        default_scope: str,
        subjects: PairwiseSubjects,
        lifetimes: Lifetimes,
        successor_keys: Sequence[bytes],
        keys: SigningKeys,
        replay_window: int,
        refusals: Refusals,
        log: Log,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(query_client=clients.recent.get)
        self.issuer = issuer
        self.declared = Declarations()
        self.login = login
        self.restrictions, self.catalogue = restrictions, catalogue
        self._default_scope = default_scope
        self._subjects = subjects
        self.log, self.refusals = log, refusals
        self.forget_clients = clients.recent.forget
        self.grants, self.refreshes, self.absences = grants, refreshes, absences
        self.lifetimes = lifetimes
        self.minter = TokenIssuer(issuer, lifetimes, keys)
        self.successors = RotatedTokens(successor_keys, lifetimes)
        self.replay_window = replay_window
        self.throttlings = LogSampler()
        self._clock = clock
        self._client_auth = StrictClientAuthentication(clients, client_failures, clock)
        self._register()

    def _register(self) -> None:
        for grant in (PasswordGrant, RefreshGrant, ClientCredentialsGrant):
            self.register_grant(grant)

    def register_grant(
        self, grant_cls: type, extensions: Sequence[Callable[..., object]] | None = None
    ) -> None:
        """Register a grant and its extensions, and take what they declare."""
        super().register_grant(grant_cls, extensions)
        self.declared.add(grant_cls, *(extensions or ()))

    def register_endpoint(self, endpoint: object) -> None:
        """Register an endpoint, and take what it declares."""
        super().register_endpoint(endpoint)
        self.declared.add(endpoint)

    def now(self) -> int:
        """Seconds since the epoch."""
        return int(self._clock())

    def create_oauth2_request(self, request: TokenRequest) -> TokenRequest:
        """The request as the front made it; nothing else may come this way."""
        return request

    def get_token_grant(self, request: TokenRequest) -> object:
        """The grant that answers the request's `grant_type` (RFC 6749, 5.2)."""
        for grant_class, _ in self._token_grants:
            if grant_class.check_token_endpoint(request):
                return grant_class(request, self)
        raise UnsupportedGrantType

    def resolve_scope(self, request: TokenRequest) -> str:
        """The scope that a request comes to by its client's registration (RFC 6749, 3.3); no one is asked.

        Raises:
            OAuth2Error: `invalid_scope`, where it is malformed, or beyond what the client may have.
        """
        client = request.client.registered
        tolerant = bool(client.flags.get(TOLERANT_SCOPE))
        asked = request.payload.scope
        scope = resolve(asked, client, server_default=self._default_scope, tolerant=tolerant)
        if scope is None:
            raise invalid_scope()
        return scope

    def wants_groups(self, client: Client, scope: str, rules: ScopeRules) -> bool:
        """Whether anything that is told or decided of a person hangs on their groups.

        Only then are they searched for: that may cost the directory much.

        Args:
            client: as registered.
            scope: what is to be granted, space-separated.
            rules: of the catalogue, those that will decide.
        """
        return (
            wants_groups(scope, client.released_claims)
            or rules.want_groups(scope)
            or self.restrictions.want_groups(client)
        )

    def handle_response(
        self, status: int, body: Mapping[str, object], headers: list[tuple[str, str]]
    ) -> Response:
        """Every answer of the server goes out here (RFC 6749, 5.1 and 5.2)."""
        return json_response(dict(body), status, headers)

    def handle_error_response(self, request: TokenRequest, error: OAuth2Error) -> Response:
        """An error of the protocol, logged by its code and cause: its sentences are constants."""
        facts = request.facts()
        reason = error.description
        if isinstance(error, InvalidClient):
            reason, facts["client_id"] = error.cause, error.client_id
            self.refusals.note_client(request, error)
        self.log.info("request.refused", error=error.error, reason=reason, **facts)
        return error_response(error)

    def event(
        self,
        name: str,
        request: TokenRequest,
        *,
        subject: str | None,
        grant_id: bytes | None = None,
        scope: str | None = None,
        reason: str | None = None,
    ) -> AuditEvent:
        """An audit event of now about a request.

        Args:
            name: dotted, such as `token.issued`.
            request: the client's.
            subject: the person's stable id, if there is one.
            grant_id: the grant's key.
            scope: what was granted.
            reason: why, for what ended.
        """
        return AuditEvent(
            event=name,
            at=self.now(),
            request_id=request.request_id,
            client_id=request.client.get_client_id(),
            subject=subject,
            grant_id=grant_id.hex() if grant_id else None,
            address=request.address,
            scope=scope,
            reason=reason,
            duration_ms=request.elapsed_ms(),
        )

    def issue(self, request: TokenRequest, *, refresh: bool) -> dict[str, object]:
        """Store a new grant with its tokens and audit row, in one transaction, and say what is answered.

        Args:
            request: with its client, scope and audience settled, and the person if there is one.
            refresh: whether a refresh token comes with it.

        Raises:
            ClientEnded: the client was disabled meanwhile.
            StoreUnavailable: nothing was stored.
        """
        moment, client = self._clock(), request.client.registered
        now = int(moment)
        fraction = moment - now
        # A grant lives no longer than a refresh token that is kept.
        keeps = refresh and keeps_refresh_token(client)
        family = now + (self.lifetimes.kept() if keeps else self.lifetimes.grant)
        ends = self.minter.end(client, now)
        grant = self._new_grant(request, moment, expires_at=family if refresh else ends)
        facts = TokenContents.of(grant, ends)
        access = self.minter.access(client, facts, fraction=fraction)
        token = renewing = None
        if refresh:
            idle = now + self.lifetimes.refresh()
            # One that is kept stays in its table until its last end; how long it may be idle is in its row.
            token = mint(REFRESH, (family if keeps else idle) + fraction)
            renewing = NewToken(key=stored_key(REFRESH, token), expires_at=idle)
        answer = self.minter.answer(client, facts, access, token, now)
        self._store(request, grant, NewToken(key=stored_key(ACCESS, access), expires_at=ends), renewing)
        return answer

    def _new_grant(self, request: TokenRequest, moment: float, *, expires_at: int) -> NewGrant:
        client, scope = request.client.registered, request.granted_scope
        person: Person | None = request.user
        return NewGrant(
            id=new_grant_id(moment),
            client_id=client.client_id,
            subject=person.id if person else None,
            sub=self._subjects.sub_of(client, person.id) if person else None,
            net_id=person.net_id if person and not person.private else None,
            scope=scope,
            audience=request.granted_audience,
            claims=claims_of(person, scope, client.released_claims) if person else {},
            private=bool(person and person.private),
            password_changed_at=person.password_changed_at if person else None,
            auth_time=int(moment),
            expires_at=expires_at,
            origin=request.payload.grant_type,
        )

    def _store(
        self, request: TokenRequest, grant: NewGrant, access: NewToken, refresh: NewToken | None
    ) -> None:
        event = self.event(
            "token.issued", request, subject=grant.subject, grant_id=grant.id, scope=grant.scope
        )
        capped = self.grants.issue(grant, access, refresh, event, secret_used=request.secret_used)
        for told in (event, capped) if capped else (event,):
            self.log.info(told.event, **told.facts())
        self.refusals.write_due()
