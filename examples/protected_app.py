"""A Flask app behind NetID OAuth: every request's token is checked, by introspection or by its signature.

The five lines are in `create_app`. What stands above them fits any API: copy it as it is. To try it:

    export INTROSPECTION_URL=https://localhost:8443/oauth/introspect API_CLIENT_ID=... API_CLIENT_SECRET=...
    flask --app examples/protected_app.py run

The id and the secret are the API's own, from the authorization server's operator:
`flask client create "Grades API" --resource-server --scope grades`. If the API is registered with an audience
(`--audience https://grades.example`), set API_AUDIENCE to it. Or, for programs whose access tokens are JWTs
(RFC 9068) and which name the API (`resource=https://grades.example`, RFC 8707), by signature:

    export ISSUER=https://localhost:8443 API_AUDIENCE=https://grades.example

That asks nobody, and so lets a token in that was revoked, until it ends: ten minutes at most.
Besides Flask it needs Authlib and requests. REQUESTS_CA_BUNDLE names the CA of a certificate of your own.
"""

import os
import time
from functools import partial
from typing import Any

import requests
from authlib.integrations.flask_oauth2 import ResourceProtector, current_token
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6750 import BearerTokenValidator, InsufficientScopeError, InvalidTokenError
from authlib.oauth2.rfc7662 import IntrospectTokenValidator
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from flask import Flask
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

_TIMEOUT = 5  # seconds: a worker must not hang on a server that hangs
_KEEP_KEYS = 3600  # seconds: for as long a new key is published before it signs
_READ_AGAIN = 60  # seconds: a key that is not known may be newer than ours, but junk must not make us ask
_LONGEST = 8192  # characters
_LEEWAY = 60  # seconds by which clocks may differ


class CannotSay(OAuth2Error):
    """Nobody knows whether the token is good: neither let the request in, nor call the token wrong."""

    error = "temporarily_unavailable"
    description = "The authorization server cannot say whether the token is good. Try again."
    status_code = 503


class WrongScope(InsufficientScopeError):
    """The token is good for something else. Authlib's answer lacks the challenge of RFC 6750, section 3."""

    def get_headers(self) -> list[tuple[str, str]]:
        """The challenge beside the other headers."""
        return [*super().get_headers(), ("WWW-Authenticate", f'Bearer error="{self.error}"')]


class Introspection(IntrospectTokenValidator):
    """Asks the authorization server at each request and keeps nothing: a revoked token ends at once.

    `audience` is the API's own, if it is registered with one. A token for other APIs is refused.
    """

    def __init__(self, url: str, client_id: str, client_secret: str, audience: str | None = None) -> None:
        super().__init__()
        self._url, self._credentials, self._audience = url, (client_id, client_secret), audience

    def introspect_token(self, token_string: str) -> dict[str, Any]:
        """What the server tells of a token. All but a plain answer is an outage, a bad secret of ours too."""
        form = {"token": token_string}
        try:
            answer = requests.post(self._url, data=form, auth=self._credentials, timeout=_TIMEOUT)
            answer.raise_for_status()
            told: dict[str, Any] = answer.json()
            return {**told, "active": told["active"] is True}
        except (requests.RequestException, KeyError, TypeError) as error:
            raise CannotSay from error

    def validate_token(self, token: dict[str, Any], scopes: list[str] | None, request: object) -> None:
        """Active, for this API, and with the scope; a 403 carries the challenge that RFC 6750 wants."""
        if token["active"] and not self._is_for_this_api(token):
            raise InvalidTokenError
        try:
            super().validate_token(token, scopes, request)
        except InsufficientScopeError:
            raise WrongScope from None

    def _is_for_this_api(self, token: dict[str, Any]) -> bool:
        """Whether the token names this API, or names no API: then its only audience is its issuer."""
        told = token.get("aud")
        if not told:
            return False
        audiences = told if isinstance(told, list) else [told]
        return self._audience in audiences or audiences == [token.get("iss")]


class Signature(JWTBearerTokenValidator):
    """Checks a JWT by the keys that the authorization server publishes, which it reads once an hour."""

    def __init__(self, issuer: str, audience: str) -> None:
        super().__init__(issuer, audience)
        self._url = f"{issuer}/.well-known/jwks.json"
        self._keys = KeySet([])
        self._read_at = -float(_KEEP_KEYS)

    def get_jwks(self) -> KeySet:
        """The published keys."""
        if time.monotonic() - self._read_at >= _KEEP_KEYS:
            self._read()
        return self._keys

    def authenticate_token(self, token_string: str) -> Any:
        """The claims of a token that one of the keys has signed, newly read ones if need be."""
        try:
            return self._verified(token_string)
        except InvalidTokenError:
            if time.monotonic() - self._read_at < _READ_AGAIN:
                raise
        self._read()
        return self._verified(token_string)

    def validate_token(self, token: Any, scopes: list[str] | None, request: object) -> None:
        """Ours, live, for us, an access token and nothing else, and with the scope."""
        if str(token.header.get("typ")).lower() not in {"at+jwt", "application/at+jwt"}:
            raise InvalidTokenError
        # Our clock may not be that of the server.
        token.validate = partial(token.validate, leeway=_LEEWAY)
        try:
            super().validate_token(token, scopes, request)
        except InsufficientScopeError:
            raise WrongScope from None

    def _verified(self, token_string: str) -> Any:
        try:
            if len(token_string) <= _LONGEST:
                return super().authenticate_token(token_string)
        except ValueError:  # what is no JWT at all
            pass
        raise InvalidTokenError

    def _read(self) -> None:
        try:
            answer = requests.get(self._url, timeout=_TIMEOUT)
            answer.raise_for_status()
            self._keys = KeySet.import_key_set(answer.json())
        except (requests.RequestException, KeyError, TypeError, JoseError) as error:
            raise CannotSay from error
        self._read_at = time.monotonic()


def create_app(check: BearerTokenValidator | None = None) -> Flask:
    """The API. Unless it is told how to check tokens, the environment says it."""
    app = Flask(__name__)

    require_oauth = ResourceProtector()
    require_oauth.register_token_validator(check or from_environment())

    @app.get("/grades")
    @require_oauth("grades")
    def grades() -> dict[str, str]:
        """The grades of whom the token stands for; a program's own token tells of the program alone."""
        told = current_token
        return {"grades_of": told.get("username") or told.get("sub") or told["client_id"]}

    return app


def from_environment() -> BearerTokenValidator:
    """By signature where ISSUER is set, else by introspection."""
    if "ISSUER" in os.environ:
        return Signature(os.environ["ISSUER"], os.environ["API_AUDIENCE"])
    names = ("INTROSPECTION_URL", "API_CLIENT_ID", "API_CLIENT_SECRET")
    url, client_id, client_secret = (os.environ[name] for name in names)
    return Introspection(url, client_id, client_secret, os.environ.get("API_AUDIENCE"))
