"""Authorization server metadata (RFC 8414): what is registered, under the issuer of the settings."""

from typing import ClassVar
from urllib.parse import urlsplit

from flask import Blueprint, Response

from models import StoreUnavailable
from oauth.declarations import Declarations
from oauth.policy.scope import BUILT_IN, ScopeRegistry
from oauth.responses import json_response


class ServerMetadata:
    """The metadata document (section 2), made anew for each request from what is registered then."""

    PATH: ClassVar[str] = "/.well-known/oauth-authorization-server"

    def __init__(self, issuer: str, declared: Declarations, scopes: ScopeRegistry) -> None:
        """Take the sources of the document.

        Args:
            issuer: the public base URL.
            declared: what grants and endpoints declare.
            scopes: the registry of scopes.
        """
        self._issuer = issuer
        self._declared = declared
        self._scopes = scopes

    def document(self) -> dict[str, object]:
        """The members of the document.

        If the database does not answer, only the built-in scopes are named: not every scope must be
        (section 2), and programs need the rest to start.
        """
        try:
            names = self._scopes.rules().names
        except StoreUnavailable:
            names = ()
        return {
            "issuer": self._issuer,
            **self._declared.metadata(self._issuer),
            "scopes_supported": list(dict.fromkeys([*BUILT_IN, *names])),
        }

    def blueprint(self) -> Blueprint:
        """The endpoint: the issuer's own path follows the well-known one (section 3)."""
        pages = Blueprint("metadata", __name__)

        @pages.get(self.PATH + urlsplit(self._issuer).path)
        def server_metadata() -> Response:
            """The metadata document."""
            return json_response(self.document())

        return pages
