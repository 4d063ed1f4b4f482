"""Authorization server metadata (RFC 8414): exactly what is served, under the issuer of the settings."""

from models import StoreUnavailable
from oauth.clients.authentication import METHODS
from oauth.clients.registration import GRANT_TYPES
from oauth.endpoints.introspection import Introspection
from oauth.policy.scope_registry import BUILT_IN, ScopeRegistry


def current_metadata(issuer: str, catalogue: ScopeRegistry) -> dict[str, object]:
    """The metadata document with the scopes of the catalogue as it is now.

    Args:
        issuer: the public base URL.
        catalogue: where it cannot be read, its scopes are left out: not every one must be named (section 2),
            and programs need the rest to start.
    """
    try:
        names = catalogue.rules().names
    except StoreUnavailable:
        names = ()
    return {**server_metadata(issuer), "scopes_supported": list(dict.fromkeys([*BUILT_IN, *names]))}


def server_metadata(issuer: str) -> dict[str, object]:
    """The metadata document (section 2).

    `grant_types_supported` is named because leaving it out would mean two grants that are not served.

    Args:
        issuer: the public base URL.
    """
    return {
        "issuer": issuer,
        "token_endpoint": f"{issuer}/oauth/token",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "introspection_endpoint": f"{issuer}/oauth/introspect",
        "userinfo_endpoint": f"{issuer}/oauth/userinfo",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "scopes_supported": list(BUILT_IN),
        "response_types_supported": [],
        "grant_types_supported": list(GRANT_TYPES),
        "token_endpoint_auth_methods_supported": list(METHODS),
        "revocation_endpoint_auth_methods_supported": list(METHODS),
        "introspection_endpoint_auth_methods_supported": list(Introspection.CLIENT_AUTH_METHODS),
    }
