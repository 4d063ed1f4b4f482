"""Userinfo: the person behind a token, under the names of OpenID Connect (Core 1.0, 5.3)."""

from collections.abc import Mapping

from authlib.integrations.flask_oauth2 import current_token
from flask import Blueprint, Response

from models import AccessToken
from oauth.endpoints.cors import Origins
from oauth.policy.claims import released_claims_of, standard_claims
from oauth.protector import Protector
from oauth.responses import json_response


def userinfo_endpoint(protector: Protector, origins: Origins) -> Blueprint:
    """`/oauth/userinfo` and `/userinfo`, guarded by `protector`; its scope says what is released.

    Args:
        protector: what a token must be.
        origins: pages that may read it, where it is their client's token.
    """
    endpoint = Blueprint("userinfo", __name__)

    @endpoint.route("/oauth/userinfo", methods=["GET", "POST"])
    @endpoint.route("/userinfo", methods=["GET", "POST"])
    @protector()
    def userinfo() -> Response:
        """The claims that the scope releases; no directory is asked."""
        token: AccessToken = current_token.stored
        if token.subject is None:
            body: Mapping[str, object] = {"client_id": token.client_id}
        else:
            body = standard_claims(released_claims_of(token))
        return origins.answer(json_response(body), token.client_id)

    return endpoint
