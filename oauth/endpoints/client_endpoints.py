"""The token endpoint, and how every endpoint that clients call with a form answers a Flask request.

Owns: that no request ends in an exception. A refusal is its OAuth error, and trouble of the directory or the
database is 503.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from authlib.oauth2 import OAuth2Error
from flask import Blueprint, Flask, Request, Response
from flask.globals import request_ctx

from core import request_deadline
from login import Cause, ClientThrottled, DirectoryUnavailable, InvalidCredentials, Throttled
from models import ClientEnded, StoreUnavailable
from oauth.clients.registration import DETAILED_ERRORS, URL_ENCODING_HINTS
from oauth.clients.url_encoding import is_left_raw
from oauth.endpoints.cors import Origins
from oauth.endpoints.routes import add_routes
from oauth.errors import Trouble, missing, wire_error
from oauth.policy.acr import ACR_VALUES
from oauth.responses import add_headers, error_response
from oauth.server import Server
from oauth.token_request import TokenRequest, read_parameters
from oauth.tokens.id_token import ID_TOKEN_CLAIMS

_Respond = Callable[[Server, TokenRequest], Response]


class TokenEndpoint:
    """The declarations of the endpoint. Each grant has its own declarations."""

    ENDPOINT_NAME = "token"
    PATHS = ("/oauth/token", "/token")
    HTTP_METHODS = ("POST",)
    CORS = True
    PUBLIC_CLIENTS = True
    PARAMETERS = frozenset({"grant_type", "scope"})
    METADATA: ClassVar[Mapping[str, str | Sequence[str]]] = {
        "token_endpoint": PATHS[0],
        # Named because the default would be two response types and two grants (RFC 8414, 2).
        "response_types_supported": (),
        "claims_supported": ID_TOKEN_CLAIMS,
        "acr_values_supported": ACR_VALUES,
    }


def add_token_endpoint(app: Flask | Blueprint, server: Server, origins: Origins) -> None:
    """Serve the token endpoint; the server's grants answer.

    Args:
        app: the application, or a blueprint of it.
        server: the authorization server.
        origins: browser pages that may read answers to their clients.
    """
    server.declared.add(TokenEndpoint)
    add_routes(app, TokenEndpoint, _view(server, _grant_token, origins), origins)


def add_client_endpoint(app: Flask | Blueprint, server: Server, endpoint: Any, origins: Origins) -> None:
    """Register an endpoint of Authlib's kind, such as revocation, and serve it.

    Args:
        app: the application, or a blueprint of it.
        server: the authorization server.
        endpoint: its class; declares its name, paths and parameters (`oauth/declarations.py`).
        origins: browser pages that may read answers to their clients, if the endpoint has `CORS`.
    """

    def respond(server: Server, request: TokenRequest) -> Response:
        response: Response = server.create_endpoint_response(endpoint.ENDPOINT_NAME, request)
        return response

    server.register_endpoint(endpoint)
    add_routes(app, endpoint, _view(server, respond, origins if endpoint.CORS else None), origins)


def _grant_token(server: Server, request: TokenRequest) -> Response:
    """The answer of the grant that the request names.

    Raises:
        OAuth2Error: the request names no grant, or the error that section 5.2 names.
    """
    if "grant_type" not in request.form:
        raise missing("grant_type")
    response: Response = server.create_token_response(request)
    return response


def _view(server: Server, respond: _Respond, origins: Origins | None) -> Callable[[], Response]:
    def view() -> Response:
        return _answer(server, respond, origins)

    return view


def _answer(server: Server, respond: _Respond, origins: Origins | None) -> Response:
    http_request = request_ctx.request
    oauth_request = TokenRequest(http_request, issuer=server.issuer)
    response = _respond_to(http_request, oauth_request, server, respond)
    if oauth_request.response_headers:
        add_headers(response, oauth_request.response_headers)
    if origins is None or "HTTP_ORIGIN" not in http_request.environ:
        return response
    try:
        client = oauth_request.client
        return origins.answer(response, client.get_client_id() if client else None)
    except StoreUnavailable:
        # The answer stands, without the header that lets the page read it.
        return response


def _respond_to(
    http_request: Request, oauth_request: TokenRequest, server: Server, respond: _Respond
) -> Response:
    try:
        oauth_request.take(read_parameters(http_request, server.declared.parameters))
        request_deadline.restart()
        return respond(server, oauth_request)
    except OAuth2Error as error:
        return server.handle_error_response(oauth_request, error)
    except (InvalidCredentials, Throttled, DirectoryUnavailable, StoreUnavailable, ClientEnded) as trouble:
        raw = isinstance(trouble, InvalidCredentials) and is_left_raw(oauth_request.raw_body)
        _log_trouble(server, oauth_request, trouble, raw=raw)
        flags = oauth_request.client.registered.flags if oauth_request.client else {}
        send_hint = raw and bool(flags.get(URL_ENCODING_HINTS))
        return error_response(wire_error(trouble, raw=send_hint, reason=bool(flags.get(DETAILED_ERRORS))))


def _log_trouble(server: Server, oauth_request: TokenRequest, trouble: Trouble, *, raw: bool) -> None:
    """Log the trouble for the operator.

    The login name is left out, because users type passwords there. The characters that show a password
    without URL encoding (`raw`) are left out too: they are part of the password.
    """
    hint = "password_not_url_encoded" if raw else None
    noted = server.audit.note(oauth_request, trouble, hint=hint)
    # The log line and the audit row state the same duration.
    facts = oauth_request.facts() | {"duration_ms": noted.duration_ms}
    if hint is not None:
        facts["hint"] = hint
    if isinstance(trouble, InvalidCredentials):
        details = {"reason": noted.reason, "subject": noted.subject, "detail": trouble.detail}
        server.log.warning(noted.event, **details, name_digest=noted.name_digest, **facts)
    elif isinstance(trouble, Throttled):
        if isinstance(trouble, ClientThrottled):
            facts["client_id"] = trouble.client_id
        # A flood comes from many addresses, so lines are sampled by client, unless the address is the cause.
        sampled_by = facts["address" if trouble.cause is Cause.ADDRESS else "client_id"]
        times = server.throttlings.due((trouble.cause, sampled_by))
        if times is not None:
            server.log.warning(noted.event, reason=noted.reason, times=times, **facts)
    elif isinstance(trouble, DirectoryUnavailable):
        write = server.log.error if trouble.alarm else server.log.warning
        write("directory.unavailable", cause=trouble.cause, alarm=trouble.alarm, **facts)
    elif isinstance(trouble, ClientEnded):
        server.log.warning("grant.refused", reason="client_ended", **facts)
    else:
        server.stores.clients.recent.forget()
        server.log.error("database.unavailable", cause=trouble.cause, **facts)
