"""The metadata of this server as a protected resource (RFC 9728): userinfo, `/api/me` and the sample.

They are one resource, the issuer: that is the audience of a token that names none, and a token for it opens
each of them. So there is one document, at the issuer's well-known path, and none for a path below it.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from flask import Blueprint, Response

from models import StoreUnavailable
from oauth.policy.scope import BUILT_IN, ScopeRegistry
from oauth.responses import json_response

PATH = "/.well-known/oauth-protected-resource"


def scope_names(scopes: ScopeRegistry) -> list[str]:
    """The names of all scopes. If the database does not answer, the built-in ones: programs need the rest.

    Args:
        scopes: the registry of scopes.
    """
    try:
        registered = scopes.rules().names
    except StoreUnavailable:
        registered = ()
    return list(dict.fromkeys([*BUILT_IN, *registered]))


def add_protected_resource(pages: Blueprint, issuer: str, scopes: Callable[[], list[str]]) -> None:
    """Serve the document (RFC 9728, 2). The issuer's own path follows the well-known path (section 3.1).

    Args:
        pages: the blueprint that gets its route.
        issuer: the public base URL.
        scopes: the names of the scopes that open something here.
    """

    def protected_resource() -> Response:
        """The document. A token is taken from the header; userinfo alone also takes it from a form."""
        return json_response(
            {
                "resource": issuer,
                "authorization_servers": [issuer],
                "scopes_supported": scopes(),
                "bearer_methods_supported": ["header"],
            }
        )

    pages.add_url_rule(PATH + urlsplit(issuer).path, view_func=protected_resource)
