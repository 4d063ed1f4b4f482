"""Authlib's authorization server, joined to our policy, stores and login.

Grants (`wiring/oauth.py`) and endpoints (`oauth/endpoints/registration.py`) are registered from outside, as
with any server of Authlib's. So are further methods of client authentication: every endpoint, the metadata
and the registration of clients know them. Commands run without a server, and share the object `client_auth`.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import UnsupportedGrantTypeError, UnsupportedResponseTypeError
from flask import Response

from login import InvalidCredentials, Login
from models import (
    AppPasswordStore,
    Client,
    ClientStore,
    CodeStore,
    DeviceStore,
    GrantStore,
    MissingPersonStore,
    RefreshStore,
    RequestStore,
)
from oauth.audit import Audit
from oauth.clients.authentication import StrictClientAuthentication, query_with
from oauth.clients.registration import NONE
from oauth.declarations import Declarations
from oauth.errors import InvalidClient, UnsupportedGrantType, UnsupportedResponseType
from oauth.policy.approvals import Approvals
from oauth.policy.password_grant import KnownPeople, PasswordGrantRules
from oauth.policy.restrictions import Restrictions
from oauth.policy.scope import ScopeRegistry
from oauth.responses import error_response, json_response
from oauth.token_request import TokenRequest
from oauth.tokens.device_codes import UserCodes
from oauth.tokens.issuer import TokenIssuer
from oauth.tokens.rotation import RotatedTokens
from telemetry import LogSampler


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules of one server.

    `issuer` is its public base URL. `default_scope` is for requests that name no scope: they get the part of
    it that the client is registered for. `directory_claims` are the standard claims that the directory may
    have. `app_passwords_survive` says whether an app password stays good when its user's password changes.
    `password_grant` says when clients may use that grant, and `known_people` who had used a client before it
    was closed to new people.
    """

    issuer: str
    restrictions: Restrictions
    scope_registry: ScopeRegistry
    password_grant: PasswordGrantRules
    known_people: KnownPeople
    default_scope: str = ""
    directory_claims: Sequence[str] = ()
    app_passwords_survive: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """The stores of clients, grants, tokens, missing people, codes, requests and app passwords."""

    clients: ClientStore
    grants: GrantStore
    refreshes: RefreshStore
    missing_people: MissingPersonStore
    codes: CodeStore
    requests: RequestStore
    devices: DeviceStore
    app_passwords: AppPasswordStore


class Server(AuthorizationServer):
    """The server behind the endpoints (RFC 6749, 3.2; RFC 7009; RFC 7662)."""

    NAME = "netid-oauth-server"
    """The key of the server in `app.extensions`."""

    def __init__(
        self,
        *,
        policy: Policy,
        token_issuer: TokenIssuer,
        rotated_tokens: RotatedTokens,
        audit: Audit,
        stores: Stores,
        login: Login,
        client_auth: StrictClientAuthentication,
        user_codes: UserCodes,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Join the parts. Nothing is registered yet.

        Args:
            policy: what a request may have.
            token_issuer: makes grants and tokens.
            rotated_tokens: derives the tokens of a refresh.
            audit: the log and the audit table.
            stores: the database's.
            login: the way to the directory.
            client_auth: the methods of client authentication.
            user_codes: the digests of the codes that users type for their devices.
            clock: seconds since the epoch.
        """
        super().__init__(query_client=query_with(stores.clients.recent.get))
        self.declared = Declarations(self.client_auth_methods)
        self.policy, self.issuer = policy, policy.issuer
        self.token_issuer, self.rotated_tokens = token_issuer, rotated_tokens
        self.approvals = Approvals(
            restrictions=policy.restrictions,
            scope_registry=policy.scope_registry,
            subjects=token_issuer.subjects,
        )
        self.audit, self.log = audit, audit.log
        self.stores, self.login, self.user_codes = stores, login, user_codes
        self.throttlings = LogSampler()
        self._clock = clock
        self._client_auth = client_auth

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

    def require_network(self, client: Client, address: str) -> None:
        """Refuse a client on a network that is not allowed, where no user's login is part of the request.

        Args:
            client: as registered.
            address: of the request.

        Raises:
            InvalidClient: the network is not allowed.
        """
        try:
            self.policy.restrictions.check_network(client, address)
        except InvalidCredentials as refusal:
            raise InvalidClient(refusal.detail, client.client_id) from None

    def client_auth_methods(self, *, public: bool = True) -> Sequence[str]:
        """The registered methods of client authentication (RFC 7591, 2).

        Args:
            public: whether public clients are allowed. Their method is `none`.
        """
        methods: Sequence[str] = self._client_auth.methods
        return methods if public else [method for method in methods if method != NONE]

    def create_oauth2_request(self, request: TokenRequest) -> TokenRequest:
        """The request as `oauth.token_request` read it. Authlib would read the Flask request itself."""
        return request

    def get_authorization_grant(self, request: TokenRequest) -> Any:
        """The grant that answers an authorization request (RFC 6749, 3.1.1).

        Raises:
            OAuth2Error: `unsupported_response_type`. Authlib's repeats what was sent, and fails with another
                exception where an error may not have the characters of it.
        """
        try:
            return super().get_authorization_grant(request)
        except (UnsupportedResponseTypeError, ValueError):
            raise UnsupportedResponseType from None

    def handle_response(
        self, status: int, body: Mapping[str, object], headers: list[tuple[str, str]]
    ) -> Response:
        """Make the response of every answer of the server (RFC 6749, 5.1 and 5.2)."""
        return json_response(dict(body), status, headers)

    def handle_error_response(self, request: TokenRequest, error: OAuth2Error) -> Response:
        """Answer an error of the protocol. The log has its code and its cause, which are constants."""
        if isinstance(error, UnsupportedGrantTypeError):
            # Authlib's repeats what was sent.
            error = UnsupportedGrantType()
        fields = request.facts()
        reason = error.description
        if isinstance(error, InvalidClient):
            reason, fields["client_id"] = error.cause, error.client_id
            self.audit.note_client(request, error)
        self.log.info("request.refused", error=error.error, reason=reason, **fields)
        return error_response(error)
