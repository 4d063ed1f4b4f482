"""Userinfo: the person behind a token, under the names of OpenID Connect (Core 1.0, 5.3)."""

from collections.abc import Mapping, Sequence

from authlib.integrations.flask_oauth2 import current_token
from flask import Response

from models import AccessToken
from oauth.endpoints.cors import Origins
from oauth.policy.claims import PERSON_CLAIMS, SUBJECT_TYPES, userinfo_claims_of
from oauth.protector import Protector
from oauth.responses import json_response


class Userinfo:
    """The userinfo endpoint. The token's scope decides which claims are released; no directory is read."""

    ENDPOINT_NAME = "userinfo"
    PATHS = ("/oauth/userinfo", "/userinfo")
    HTTP_METHODS = ("GET", "POST")
    CORS = True

    def __init__(self, protector: Protector, origins: Origins, directory_claims: Sequence[str]) -> None:
        """Take what guards the endpoint.

        Args:
            protector: checks the access token.
            origins: browser pages that may read the answer, if the token is their client's.
            directory_claims: the standard claims that the directory may have.
        """
        self.METADATA: Mapping[str, str | bool | Sequence[str]] = {
            "userinfo_endpoint": self.PATHS[0],
            "subject_types_supported": SUBJECT_TYPES,
            "claims_supported": (*PERSON_CLAIMS, *directory_claims),
            "claim_types_supported": ("normal",),
            "claims_parameter_supported": True,
        }
        self._origins = origins
        self.view = protector.reading_forms()()(self._answer)

    def _answer(self) -> Response:
        token: AccessToken = current_token.stored
        if token.subject is None:
            body: Mapping[str, object] = {"client_id": token.client_id}
        else:
            body = userinfo_claims_of(token)
        return self._origins.answer(json_response(body), token.client_id)
