"""Userinfo: the person behind a token, under the names of OpenID Connect (Core 1.0, 5.3)."""

from authlib.integrations.flask_oauth2 import current_token
from flask import Blueprint, Response

from models import AccessToken
from oauth.bearer import Protector
from oauth.claims import standard_claims, told_of
from oauth.responses import json_response


def userinfo_endpoint(protector: Protector) -> Blueprint:
    """`/oauth/userinfo` and `/userinfo`, guarded by `protector`; the token's scope says what is released."""
    endpoint = Blueprint("userinfo", __name__)

    @endpoint.route("/oauth/userinfo", methods=["GET", "POST"])
    @endpoint.route("/userinfo", methods=["GET", "POST"])
    @protector()
    def userinfo() -> Response:
        """The claims that the scope releases; no directory is asked."""
        token: AccessToken = current_token.stored
        if token.subject is None:
            return json_response({"client_id": token.client_id})
        return json_response(standard_claims(told_of(token)))

    return endpoint
