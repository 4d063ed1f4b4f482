"""The token endpoint (RFC 6749, 3.2): a token for a grant."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from flask import Response

from oauth.clients.registration import METHODS
from oauth.errors import missing
from oauth.server import Server
from oauth.token_request import TokenRequest


class TokenEndpoint:
    """What the endpoint declares, beside what each grant declares itself."""

    ENDPOINT_NAME = "token"
    PATHS = ("/oauth/token", "/token")
    HTTP_METHODS = ("POST",)
    CORS = True
    PARAMETERS = frozenset({"grant_type", "scope"})
    METADATA: ClassVar[Mapping[str, str | Sequence[str]]] = {
        "token_endpoint": PATHS[0],
        "token_endpoint_auth_methods_supported": METHODS,
        # Named because the default would be two response types and two grants (RFC 8414, 2).
        "response_types_supported": (),
    }


def grant_token(server: Server, request: TokenRequest) -> Response:
    """The answer of the grant that the request names.

    Raises:
        OAuth2Error: the request names no grant, or the error that section 5.2 names.
    """
    if "grant_type" not in request.form:
        raise missing("grant_type")
    response: Response = server.create_token_response(request)
    return response
