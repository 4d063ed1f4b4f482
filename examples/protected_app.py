"""A Flask app behind NetID OAuth: every request's token is checked by introspection (RFC 7662).

The five lines are in `create_app`. What stands above them fits any API: copy it as it is. To try it:

    export INTROSPECTION_URL=https://localhost:8443/oauth/introspect API_CLIENT_ID=... API_CLIENT_SECRET=...
    flask --app examples/protected_app.py run

The id and the secret are the API's own, from the authorization server's operator:
`flask client create "Grades API" --resource-server --scope grades`.
Besides Flask it needs Authlib and requests. REQUESTS_CA_BUNDLE names the CA of a certificate of your own.
"""

import os
from typing import Any

import requests
from authlib.integrations.flask_oauth2 import ResourceProtector, current_token
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6750 import InsufficientScopeError
from authlib.oauth2.rfc7662 import IntrospectTokenValidator
from flask import Flask

_TIMEOUT = 5  # seconds: a worker must not hang on a server that hangs


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
    """Asks the authorization server at each request and keeps nothing: a revoked token ends at once."""

    def __init__(self, url: str, client_id: str, client_secret: str) -> None:
        super().__init__()
        self._url, self._credentials = url, (client_id, client_secret)

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
        """As Authlib does, with the challenge that RFC 6750 wants beside a 403."""
        try:
            super().validate_token(token, scopes, request)
        except InsufficientScopeError:
            raise WrongScope from None


def create_app(url: str = "", client_id: str = "", client_secret: str = "") -> Flask:
    """The API. Without arguments they come from the environment."""
    app = Flask(__name__)
    url = url or os.environ["INTROSPECTION_URL"]
    client_id = client_id or os.environ["API_CLIENT_ID"]
    client_secret = client_secret or os.environ["API_CLIENT_SECRET"]

    require_oauth = ResourceProtector()
    require_oauth.register_token_validator(Introspection(url, client_id, client_secret))

    @app.get("/grades")
    @require_oauth("grades")
    def grades() -> dict[str, str]:
        """The grades of whom the token stands for; a program's own token has neither `username` nor `sub`."""
        return {"grades_of": current_token.get("username", current_token["client_id"])}

    return app
