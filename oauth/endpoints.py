"""The endpoints under `/oauth` and their short aliases: from a Flask request to an answer, whatever comes.

Nothing that a request can hold gets past here as an exception: a refusal is its OAuth error, and trouble of
the directory or the database is 503.
"""

import secrets

from authlib.oauth2 import OAuth2Error
from flask import Blueprint, Response, request

from login import DirectoryUnavailable, InvalidCredentials
from models import ClientEnded, StoreUnavailable
from oauth.errors import Trouble, missing, wire_error
from oauth.front import StrictRequest, read_parameters
from oauth.responses import error_response
from oauth.server import Server


def token_endpoints(server: Server) -> Blueprint:
    """The token endpoint of `server` (RFC 6749, 3.2), at `/oauth/token` and at `/token`."""
    endpoints = Blueprint("oauth", __name__)

    @endpoints.post("/oauth/token")
    @endpoints.post("/token")
    def token() -> Response:
        """A token for a grant (RFC 6749, 3.2), or the error that section 5.2 names."""
        return _answer_token_request(server)

    return endpoints


def _answer_token_request(server: Server) -> Response:
    oauth_request = None
    try:
        parameters = read_parameters(request)
        oauth_request = StrictRequest(
            request, parameters, issuer=server.issuer, request_id=secrets.token_hex(8)
        )
        if "grant_type" not in parameters:
            raise missing("grant_type")
        response: Response = server.create_token_response(oauth_request)
    except OAuth2Error as error:
        response = server.handle_error_response(oauth_request, error)
    except (InvalidCredentials, DirectoryUnavailable, StoreUnavailable, ClientEnded) as trouble:
        _log_trouble(server, oauth_request, trouble)
        response = error_response(wire_error(trouble))
    return response


def _log_trouble(server: Server, oauth_request: StrictRequest | None, trouble: Trouble) -> None:
    """The operator's sentence. The name that was typed is not in it: people type passwords there."""
    facts = {} if oauth_request is None else oauth_request.facts()
    if isinstance(trouble, InvalidCredentials):
        server.log.warning("grant.refused", reason=trouble.reason.value, detail=trouble.detail, **facts)
    elif isinstance(trouble, DirectoryUnavailable):
        say = server.log.error if trouble.alarm else server.log.warning
        say("directory.unavailable", cause=trouble.cause, alarm=trouble.alarm, **facts)
    elif isinstance(trouble, ClientEnded):
        server.log.warning("grant.refused", reason="client_ended", **facts)
    else:
        server.log.error("database.unavailable", cause=trouble.cause, **facts)
