"""A Flask API behind NetID OAuth. It checks each request's token, by introspection or by its signature.

`create_app` is the API itself. The classes above it fit any API: copy them unchanged. docs/recipes/flask.md
says how to register the API and how to start this example.
"""

import os
import time
from functools import partial
from typing import Any

import requests
from authlib.integrations.flask_oauth2 import ResourceProtector, current_token
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.errors import MissingAuthorizationError, UnsupportedTokenTypeError
from authlib.oauth2.rfc6750 import BearerTokenValidator, InsufficientScopeError, InvalidTokenError
from authlib.oauth2.rfc7662 import IntrospectTokenValidator
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from flask import Flask, Response, abort
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

_TIMEOUT_SECONDS = 5  # a worker must not hang on a server that hangs
_RETRY_SECONDS = 5
_KEYS_LIFETIME_SECONDS = 3600  # the server publishes a new key for this long before the key signs
_KEYS_MINIMUM_AGE_SECONDS = 60  # invalid tokens must not cause a request each
_MAX_TOKEN_LENGTH = 8192
_CLOCK_LEEWAY_SECONDS = 60


class CannotSay(OAuth2Error):
    """The server does not say whether the token is valid: neither accept it nor call it invalid."""

    error = "temporarily_unavailable"
    description = "The authorization server cannot say whether the token is good. Try again."
    status_code = 503

    def get_headers(self) -> list[tuple[str, str]]:
        """Add the time after which a retry may succeed (RFC 9110, section 10.2.3)."""
        return [*super().get_headers(), ("Retry-After", str(_RETRY_SECONDS))]


class WrongScope(InsufficientScopeError):
    """The token is valid, but lacks the scope. Authlib omits the challenge of RFC 6750, section 3."""

    def get_headers(self) -> list[tuple[str, str]]:
        """Add the challenge to the other headers."""
        return [*super().get_headers(), ("WWW-Authenticate", f'Bearer error="{self.error}"')]


class Protector(ResourceProtector):
    """Authlib's protector, which answers a request without a token as RFC 6750, section 3.1 says."""

    def raise_error_response(self, error: OAuth2Error) -> None:
        """Answer 401 without an error code if the request has no Bearer token."""
        if isinstance(error, MissingAuthorizationError | UnsupportedTokenTypeError):
            abort(Response(status=401, headers={"WWW-Authenticate": 'Bearer realm="api"'}))
        super().raise_error_response(error)


class Introspection(IntrospectTokenValidator):
    """Asks the authorization server at each request. It caches nothing: a revoked token is refused at once.

    Args:
        url: of the introspection endpoint.
        client_id: of the API.
        client_secret: of the API.
        audience: of the API, if it is registered with one. Tokens for other APIs are refused.
    """

    def __init__(self, url: str, client_id: str, client_secret: str, audience: str | None = None) -> None:
        super().__init__()
        self._url, self._credentials, self._audience = url, (client_id, client_secret), audience

    def introspect_token(self, token_string: str) -> dict[str, Any]:
        """Return what the server says about a token.

        Raises:
            CannotSay: the server gave no proper answer, or refused the API's own secret.
        """
        form = {"token": token_string}
        try:
            answer = requests.post(self._url, data=form, auth=self._credentials, timeout=_TIMEOUT_SECONDS)
            answer.raise_for_status()
            token: dict[str, Any] = answer.json()
            return {**token, "active": token["active"] is True}
        except (requests.RequestException, KeyError, TypeError) as error:
            raise CannotSay from error

    def validate_token(self, token: dict[str, Any], scopes: list[str] | None, request: object) -> None:
        """Require a live token for this API with the scope."""
        if token["active"] and not self._is_for_this_api(token):
            raise InvalidTokenError
        try:
            super().validate_token(token, scopes, request)
        except InsufficientScopeError:
            raise WrongScope from None

    def _is_for_this_api(self, token: dict[str, Any]) -> bool:
        """Return whether the token names this API, or no API: its only audience is then the issuer."""
        audience = token.get("aud")
        if not audience:
            return False
        audiences = audience if isinstance(audience, list) else [audience]
        return self._audience in audiences or audiences == [token.get("iss")]


class Signature(JWTBearerTokenValidator):
    """Checks JWT access tokens (RFC 9068) by the server's public keys, which it reads once an hour.

    It cannot see a revocation: a revoked token is accepted until it expires, ten minutes at most.
    """

    def __init__(self, issuer: str, audience: str) -> None:
        super().__init__(issuer, audience)
        self._url = f"{issuer}/.well-known/jwks.json"
        self._keys = KeySet([])
        self._read_at = -float(_KEYS_LIFETIME_SECONDS)

    def get_jwks(self) -> KeySet:
        """Return the server's public keys."""
        if time.monotonic() - self._read_at >= _KEYS_LIFETIME_SECONDS:
            self._read()
        return self._keys

    def authenticate_token(self, token_string: str) -> Any:
        """Return the claims of a signed token. If no key fits, read the keys again."""
        try:
            return self._verified(token_string)
        except InvalidTokenError:
            if time.monotonic() - self._read_at < _KEYS_MINIMUM_AGE_SECONDS:
                raise
        self._read()
        return self._verified(token_string)

    def validate_token(self, token: Any, scopes: list[str] | None, request: object) -> None:
        """Require a live access token of the issuer for this API with the scope. An ID token is refused."""
        if str(token.header.get("typ")).lower() not in {"at+jwt", "application/at+jwt"}:
            raise InvalidTokenError
        # This machine's clock may differ from the server's.
        token.validate = partial(token.validate, leeway=_CLOCK_LEEWAY_SECONDS)
        try:
            super().validate_token(token, scopes, request)
        except InsufficientScopeError:
            raise WrongScope from None

    def _verified(self, token_string: str) -> Any:
        try:
            if len(token_string) <= _MAX_TOKEN_LENGTH:
                return super().authenticate_token(token_string)
        except ValueError:  # not a JWT at all
            pass
        raise InvalidTokenError

    def _read(self) -> None:
        try:
            answer = requests.get(self._url, timeout=_TIMEOUT_SECONDS)
            answer.raise_for_status()
            self._keys = KeySet.import_key_set(answer.json())
        except (requests.RequestException, KeyError, TypeError, JoseError) as error:
            raise CannotSay from error
        self._read_at = time.monotonic()


def create_app(check: BearerTokenValidator | None = None) -> Flask:
    """Build the API.

    Args:
        check: how to check tokens; without it, the environment decides.
    """
    app = Flask(__name__)

    require_oauth = Protector()
    require_oauth.register_token_validator(check or from_environment())

    @app.get("/grades")
    @require_oauth("grades")
    def grades() -> dict[str, str]:
        """Return the token's user. A token from the client credentials grant has only a client."""
        token = current_token
        return {"grades_of": token.get("username") or token.get("sub") or token["client_id"]}

    return app


def from_environment() -> BearerTokenValidator:
    """Check by signature if ISSUER is set, else by introspection."""
    if "ISSUER" in os.environ:
        return Signature(os.environ["ISSUER"], os.environ["API_AUDIENCE"])
    names = ("INTROSPECTION_URL", "API_CLIENT_ID", "API_CLIENT_SECRET")
    url, client_id, client_secret = (os.environ[name] for name in names)
    return Introspection(url, client_id, client_secret, os.environ.get("API_AUDIENCE") or None)
