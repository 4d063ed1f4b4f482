"""Authlib's authorization server, joined to our stores, our login and our strictness."""

import time
from collections.abc import Callable, Mapping

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from flask import Response

from login import Login
from models import ClientStore, GrantStore, NewGrant, NewToken, new_grant_id
from oauth.claims import claims_of
from oauth.client_authentication import StrictClientAuthentication
from oauth.errors import UnsupportedGrantType
from oauth.front import StrictRequest
from oauth.grants.password import PasswordGrant
from oauth.lifetimes import Lifetimes
from oauth.responses import error_response, json_response
from oauth.token_format import ACCESS, REFRESH, key_of, mint
from telemetry import AuditEvent, Log


class Server(AuthorizationServer):
    """The token endpoint's server (RFC 6749, 3.2)."""

    def __init__(
        self,
        *,
        issuer: str,
        clients: ClientStore,
        grants: GrantStore,
        login: Login,
        lifetimes: Lifetimes,
        log: Log,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(query_client=clients.get, save_token=self._store)
        self.issuer = issuer
        self.login = login
        self.log = log
        self._grants = grants
        self._lifetimes = lifetimes
        self._clock = clock
        self._client_auth = StrictClientAuthentication(clients, clock)
        self.register_token_generator(
            "default", BearerTokenGenerator(self._access, self._refresh, self._expires_in)
        )
        self.register_grant(PasswordGrant)

    def create_oauth2_request(self, request: StrictRequest) -> StrictRequest:
        """The request as the front made it; nothing else may come this way."""
        return request

    def get_token_grant(self, request: StrictRequest) -> object:
        """The grant that answers the request's `grant_type` (RFC 6749, 5.2)."""
        for grant_class, _ in self._token_grants:
            if grant_class.check_token_endpoint(request):
                return grant_class(request, self)
        raise UnsupportedGrantType

    def handle_response(
        self, status: int, body: Mapping[str, object], headers: list[tuple[str, str]]
    ) -> Response:
        """Every answer of the server goes out here (RFC 6749, 5.1 and 5.2)."""
        return json_response(dict(body), status, headers)

    def handle_error_response(self, request: StrictRequest | None, error: OAuth2Error) -> Response:
        """An error of the protocol, logged by its code: its sentences are constants."""
        facts = {} if request is None else request.facts()
        self.log.info("request.refused", error=error.error, reason=error.description, **facts)
        return error_response(error)

    def _access(self, **_: object) -> str:
        return mint(ACCESS, int(self._clock()) + self._lifetimes.access_token)

    def _refresh(self, **_: object) -> str:
        return mint(REFRESH, int(self._clock()) + self._lifetimes.refresh())

    def _expires_in(self, _client: object, _grant_type: str) -> int:
        return self._lifetimes.access_token

    def _store(self, token: Mapping[str, str], request: StrictRequest) -> None:
        """Store what is about to be answered: grant, tokens and audit row, in one transaction."""
        now = int(self._clock())
        person, client = request.user, request.client.registered
        access = _new_token(ACCESS, token["access_token"], now + self._lifetimes.access_token)
        refresh = None
        if "refresh_token" in token:
            refresh = _new_token(REFRESH, token["refresh_token"], now + self._lifetimes.refresh())
        grant = NewGrant(
            id=new_grant_id(now),
            client_id=client.client_id,
            subject=person.id,
            net_id=person.net_id,
            scope=token["scope"],
            claims=claims_of(person, token["scope"]),
            password_changed_at=person.password_changed_at,
            auth_time=now,
            expires_at=now + self._lifetimes.grant if refresh else access.expires_at,
        )
        event = AuditEvent(
            event="token.issued",
            at=now,
            request_id=request.request_id,
            client_id=grant.client_id,
            subject=grant.subject,
            grant_id=grant.id.hex(),
            address=request.address,
            scope=grant.scope,
            duration_ms=request.elapsed_ms(),
        )
        self._grants.issue(grant, access, refresh, event, secret_used=request.secret_used)
        self.log.info(event.event, **event.facts())


def _new_token(kind: str, token: str, expires_at: int) -> NewToken:
    key = key_of(kind, token)
    if key is None:
        raise ValueError("a token of ours does not read as one")
    return NewToken(key=key, expires_at=expires_at)
