"""The sample protected resources: the user behind a token, and an echo."""

from authlib.integrations.flask_oauth2 import current_token
from flask import Blueprint, Response, request

from models import AccessToken
from oauth import Protector, json_response, released_claims_of

_BLANKED = frozenset({"authorization", "cookie", "proxy-authorization"})


def resources(protector: Protector) -> Blueprint:
    """`/api/me` and `/echo/v1/echo/<text>`, guarded by `protector`."""
    api = Blueprint("api", __name__)

    @api.get("/api/me")
    @protector()
    def me() -> Response:
        """The user behind the token, with the claims that its scope releases. Every scope is accepted."""
        token: AccessToken = current_token.stored
        if token.subject is None:
            return json_response({"client_id": token.client_id})
        return json_response(released_claims_of(token))

    @api.route("/echo/v1/echo/<path:text>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    @protector("echo")
    def echo(text: str) -> Response:
        """The text, method and headers of the request, with credentials blanked."""
        headers = {
            name: "[blanked]" if name.lower() in _BLANKED else value
            for name, value in request.headers.items()
        }
        return json_response({"text": text, "method": request.method, "headers": headers})

    return api
