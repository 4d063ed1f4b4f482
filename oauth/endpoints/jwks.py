"""The keys that check our signatures (RFC 7517, 5). They are public, and anyone may cache them."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from flask import Response

from oauth.responses import json_response
from oauth.tokens.jws import ALGORITHMS
from oauth.tokens.signing_keys import JWKS_MAX_AGE, SigningKeys


class Jwks:
    """The key set endpoint."""

    ENDPOINT_NAME = "jwks"
    PATHS = ("/.well-known/jwks.json",)
    HTTP_METHODS = ("GET",)
    CORS = False
    METADATA: ClassVar[Mapping[str, str | Sequence[str]]] = {
        "jwks_uri": PATHS[0],
        "id_token_signing_alg_values_supported": ALGORITHMS,
    }

    def __init__(self, keys: SigningKeys) -> None:
        """Publish these keys."""
        self._keys = keys

    def view(self) -> Response:
        """The published keys."""
        response = json_response({"keys": self._keys.published()})
        response.headers.remove("Pragma")
        response.headers["Cache-Control"] = f"public, max-age={JWKS_MAX_AGE}"
        return response
