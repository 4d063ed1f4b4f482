"""The metadata document (RFC 8414), which is also that of OpenID Connect Discovery 1.0.

It is derived from what grants and endpoints declare, under the issuer of the settings. Libraries that verify
ID tokens look for it under the OpenID path. The members of both specifications share one registry (RFC 8414,
7.1), so both paths serve one document.
"""

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import urlsplit

from flask import Blueprint, Response

from oauth.declarations import Declarations
from oauth.endpoints.protected_resource import add_protected_resource, scope_names
from oauth.policy.scope import ScopeRegistry
from oauth.responses import json_response


class ServerMetadata:
    """The metadata document (section 2), built for each request from the current registrations."""

    PATH: ClassVar[str] = "/.well-known/oauth-authorization-server"
    OPENID_PATH: ClassVar[str] = "/.well-known/openid-configuration"

    def __init__(
        self, issuer: str, declared: Declarations, scopes: ScopeRegistry, links: Mapping[str, str]
    ) -> None:
        """Take the sources of the document.

        Args:
            issuer: the public base URL.
            declared: what grants and endpoints declare.
            scopes: the registry of scopes.
            links: further members: the operator's pages, such as `service_documentation`.
        """
        self._links = dict(links)
        self._issuer = issuer
        self._declared = declared
        self._scopes = scopes

    @classmethod
    def url(cls, issuer: str) -> str:
        """The URL of the document (RFC 8414, 3.1): the well-known path comes before the issuer's own.

        Args:
            issuer: the public base URL.
        """
        parts = urlsplit(issuer)
        return f"{parts.scheme}://{parts.netloc}{cls.PATH}{parts.path}"

    def document(self) -> dict[str, object]:
        """The members of the document. Not every scope must be named (section 2)."""
        return {
            "issuer": self._issuer,
            **self._declared.metadata(self._issuer),
            "scopes_supported": scope_names(self._scopes),
            **self._links,
        }

    def blueprint(self) -> Blueprint:
        """The routes of the document.

        RFC 8414, 3 puts the well-known path before the issuer's own path; OpenID Connect Discovery 1.0, 4
        puts it behind. A proxy may remove the issuer's path from requests, so the OpenID path is served
        without it too.
        """
        pages = Blueprint("metadata", __name__)
        own_path = urlsplit(self._issuer).path
        openid_paths = (self.OPENID_PATH + own_path, own_path + self.OPENID_PATH, self.OPENID_PATH)

        def server_metadata() -> Response:
            """The metadata document."""
            return json_response(self.document())

        for path in dict.fromkeys((self.PATH + own_path, *openid_paths)):
            pages.add_url_rule(path, view_func=server_metadata)
        add_protected_resource(pages, self._issuer, lambda: scope_names(self._scopes))
        return pages
