"""Every OAuth endpoint that is served, registered with the server in the order of the metadata document."""

from flask import Blueprint

from oauth.endpoints.authorization.par import PushedRequests
from oauth.endpoints.client_endpoints import add_client_endpoint, add_token_endpoint
from oauth.endpoints.cors import Origins
from oauth.endpoints.device import DeviceAuthorization
from oauth.endpoints.introspection import Introspection
from oauth.endpoints.jwks import Jwks
from oauth.endpoints.revocation import Revocation
from oauth.endpoints.routes import add_routes
from oauth.endpoints.userinfo import Userinfo
from oauth.protector import Protector
from oauth.server import Server


def oauth_endpoints(server: Server, protector: Protector, origins: Origins) -> Blueprint:
    """The endpoints, each under its path and its short alias.

    Args:
        server: the authorization server, with its grants.
        protector: checks access tokens.
        origins: browser pages that may read answers to their clients.
    """
    blueprint = Blueprint("oauth", __name__)
    add_token_endpoint(blueprint, server, origins)
    for client_endpoint in (Revocation, Introspection, PushedRequests, DeviceAuthorization):
        add_client_endpoint(blueprint, server, client_endpoint, origins)
    for endpoint in (
        Userinfo(protector, origins, server.policy.directory_claims),
        Jwks(server.token_issuer.keys),
    ):
        server.declared.add(endpoint)
        add_routes(blueprint, endpoint, endpoint.view, origins)
    return blueprint
