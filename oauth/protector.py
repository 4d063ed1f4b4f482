"""Bearer tokens at a resource (RFC 6750): Authlib's `ResourceProtector`, with the challenges of the RFC."""

from collections.abc import Callable

from authlib.integrations.flask_oauth2 import ResourceProtector, token_authenticated
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oauth2.rfc6750 import BearerTokenValidator, InvalidTokenError
from flask import Request, abort, g
from flask.globals import request_ctx

from models import AccessToken, GrantStore
from oauth.errors import REALM
from oauth.responses import error_json
from oauth.token_request import FORM, ParameterNames, read_parameters
from oauth.tokens.format import ACCESS, key_of


class MissingToken(OAuth2Error):
    """No token was presented: a bare challenge, without an error code (RFC 6750, 3.1)."""

    description = "This resource wants an access token: Authorization: Bearer, a space, and the token."
    status_code = 401

    def get_headers(self) -> list[tuple[str, str]]:
        """The bare challenge."""
        return [("WWW-Authenticate", f'Bearer realm="{REALM}"')]


class InsufficientScope(OAuth2Error):
    """The token is valid, but its scope is not enough (RFC 6750, 3.1). Authlib's error has no challenge."""

    error = "insufficient_scope"
    description = "The access token does not carry the scope that this resource wants."
    status_code = 403

    def __init__(self, scope: str) -> None:
        super().__init__()
        self.scope = scope

    def get_headers(self) -> list[tuple[str, str]]:
        """The challenge, with the required scope."""
        challenge = f'Bearer realm="{REALM}", error="{self.error}", scope="{self.scope}"'
        return [("WWW-Authenticate", challenge)]


class StoredToken:
    """An access token from the store, with the methods that Authlib's validator calls."""

    def __init__(self, token: AccessToken, now: int) -> None:
        self.stored = token
        self._now = now

    def is_expired(self) -> bool:
        """Whether the token had expired when it was looked up."""
        return self._now >= self.stored.expires_at

    def is_revoked(self) -> bool:
        """Whether its grant was revoked."""
        return self.stored.revoked_at is not None

    def get_scope(self) -> str:
        """The token's scope."""
        return self.stored.scope


class StoreValidator(BearerTokenValidator):
    """Validates a Bearer token against the store; it never reads the directory."""

    def __init__(self, grants: GrantStore, clock: Callable[[], float], issuer: str) -> None:
        super().__init__(realm=REALM)
        self._grants = grants
        self._issuer = issuer
        self._clock = clock

    def authenticate_token(self, token_string: str) -> StoredToken | None:
        """The stored token, or None if there is none. Text of another form costs no query.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        key = key_of(ACCESS, token_string)
        token = None if key is None else self._grants.find_access_token(key)
        return None if token is None else StoredToken(token, int(self._clock()))

    def validate_token(self, token: StoredToken | None, scopes: list[str] | None, _request: object) -> None:
        """Accept a token that is live, meant for this issuer, and has one of the required scopes.

        Raises:
            InvalidTokenError: unknown, expired, revoked, or meant only for other resources (RFC 8707, 2).
            InsufficientScope: with the required scope.
        """
        if token is None or token.is_expired() or token.is_revoked():
            raise InvalidTokenError(realm=self.realm)
        audience = token.stored.audience
        if audience is not None and self._issuer not in audience.split():
            raise InvalidTokenError(realm=self.realm)
        if self.scope_insufficient(token.get_scope(), scopes):
            raise InsufficientScope(" ".join(scopes or ()))


class TwoTokens(InvalidRequestError):
    """The token was sent in the header and in the form (RFC 6750, 2): one method only may be used."""

    description = "The access token must be sent in one way only: in the header, or in the form."

    def get_headers(self) -> list[tuple[str, str]]:
        """The challenge (RFC 6750, 3.1)."""
        return [*super().get_headers(), ("WWW-Authenticate", f'Bearer realm="{REALM}", error="{self.error}"')]


class Protector(ResourceProtector):
    """Protects resources of the issuer: `@protector("scope")` on a view, `acquire_token()` in one."""

    def __init__(self, grants: GrantStore, clock: Callable[[], float], issuer: str) -> None:
        super().__init__()
        self.register_token_validator(StoreValidator(grants, clock, issuer))

    def acquire_token(self, scopes: str | list[str] | None = None, **claims: object) -> StoredToken:
        """The token of the current request, which `current_token` holds from now on.

        Authlib builds the request's whole URL first, from the Host header too; no validator of ours reads it.
        That would cost 69 % of a token check (docs/decisions/0020-hot-path.md).

        Raises:
            OAuth2Error: the token is missing, invalid, or its scope is not enough.
            StoreUnavailable: the database cannot say.
        """
        required = [scopes] if isinstance(scopes, str) else scopes
        token: StoredToken = self.validate_request(required, request_ctx.request, **claims)
        if token_authenticated.receivers:
            token_authenticated.send(self, token=token)
        g.authlib_server_oauth2_token = token
        return token

    def parse_request_authorization(self, request: Request) -> tuple[BearerTokenValidator, str]:
        """The validator and the token of the request's Authorization header (RFC 6750, 2.1).

        Raises:
            MissingToken: no header, or another scheme.
        """
        scheme, _, token = request.environ.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise MissingToken
        return self.get_token_validator("bearer"), token

    def reading_forms(self) -> "FormProtector":
        """A protector with the same checks that also takes the token from a form body (RFC 6750, 2.2)."""
        return FormProtector(self.get_token_validator("bearer"))

    def raise_error_response(self, error: OAuth2Error) -> None:
        """Answer with the error, its challenge and a JSON body (RFC 6750, 3)."""
        # A request without credentials gets no error code (RFC 6750, 3.1), only a sentence.
        body = {} if isinstance(error, MissingToken) else {"error": error.error}
        body["error_description"] = error.get_error_description()
        abort(error_json(body, error.status_code, error.get_headers()))


class FormProtector(Protector):
    """Takes the token from the header, or from the form of a POST (RFC 6750, 2.2), never from the URL."""

    _NAMES = ParameterNames(frozenset({"access_token"}), frozenset())

    def __init__(self, validator: BearerTokenValidator) -> None:
        ResourceProtector.__init__(self)
        self.register_token_validator(validator)

    def parse_request_authorization(self, request: Request) -> tuple[BearerTokenValidator, str]:
        """The validator and the token of the request.

        Raises:
            MissingToken: neither header nor form has a token.
            OAuth2Error: both have one, or the form is malformed (`invalid_request`).
        """
        in_form = None
        if request.method == "POST" and request.mimetype == FORM and request.content_length != 0:
            in_form = read_parameters(request, self._NAMES).once.get("access_token")
        if in_form is None:
            return super().parse_request_authorization(request)
        if request.environ.get("HTTP_AUTHORIZATION"):
            raise TwoTokens
        return self.get_token_validator("bearer"), in_form
