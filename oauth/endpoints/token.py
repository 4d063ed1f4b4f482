"""The endpoints under `/oauth` and their short aliases: from a Flask request to an answer, whatever comes.

Nothing that a request can hold gets past here as an exception: a refusal is its OAuth error, and trouble of
the directory or the database is 503.
"""

from collections.abc import Callable
from os import urandom
from urllib.parse import urlsplit

from authlib.oauth2 import OAuth2Error
from flask import Blueprint, Request, Response
from flask.globals import request_ctx

from core import request_deadline
from login import Cause, ClientThrottled, DirectoryUnavailable, InvalidCredentials, Throttled
from models import ClientEnded, StoreUnavailable
from oauth.clients.registration import DETAILED_ERRORS, URL_ENCODING_HINTS
from oauth.clients.url_encoding import is_left_raw
from oauth.endpoints.cors import Origins
from oauth.endpoints.metadata import current_metadata
from oauth.errors import Trouble, missing, wire_error
from oauth.responses import error_response, json_response
from oauth.server import Server
from oauth.token_request import TokenRequest, read_parameters
from oauth.tokens.signing_keys import JWKS_MAX_AGE


def oauth_endpoints(server: Server, origins: Origins) -> Blueprint:
    """The endpoints under `/oauth`, and the short aliases.

    Args:
        server: what answers.
        origins: pages that may read what is answered to their clients.
    """
    endpoints = Blueprint("oauth", __name__)

    @endpoints.post("/oauth/token")
    @endpoints.post("/token")
    def token() -> Response:
        """A token for a grant (RFC 6749, 3.2), or the error that section 5.2 names."""
        return _answer(server, _grant_token, origins)

    @endpoints.post("/oauth/revoke")
    @endpoints.post("/revoke")
    def revoke() -> Response:
        """The end of a token (RFC 7009, 2)."""
        return _answer(server, _revoke, origins)

    @endpoints.post("/oauth/introspect")
    @endpoints.post("/introspect")
    def introspect() -> Response:
        """What a token stands for (RFC 7662, 2)."""
        return _answer(
            server, lambda server, request: server.create_endpoint_response("introspection", request)
        )

    _publish(server, endpoints)
    return endpoints


def _publish(server: Server, endpoints: Blueprint) -> None:
    """Add what anyone may read: the metadata, and the keys to check signatures with."""

    @endpoints.get(f"/.well-known/oauth-authorization-server{urlsplit(server.issuer).path}")
    def authorization_server() -> Response:
        """What is served (RFC 8414, 3): behind the well-known path stands the issuer's own."""
        return json_response(current_metadata(server.issuer, server.catalogue))

    @endpoints.get("/.well-known/jwks.json")
    def jwks() -> Response:
        """The keys to check our signatures with (RFC 7517, 5): public, so that anyone may keep them."""
        response = json_response({"keys": server.minter.keys.published()})
        response.headers.remove("Pragma")
        response.headers["Cache-Control"] = f"public, max-age={JWKS_MAX_AGE}"
        return response


def _grant_token(server: Server, oauth_request: TokenRequest) -> Response:
    if "grant_type" not in oauth_request.form:
        raise missing("grant_type")
    response: Response = server.create_token_response(oauth_request)
    return response


def _revoke(server: Server, oauth_request: TokenRequest) -> Response:
    response: Response = server.create_endpoint_response("revocation", oauth_request)
    return response


def _answer(
    server: Server, endpoint: Callable[[Server, TokenRequest], Response], origins: Origins | None = None
) -> Response:
    asked = request_ctx.request
    oauth_request = TokenRequest(asked, issuer=server.issuer, request_id=urandom(8).hex())
    response = _answer_to(asked, oauth_request, server, endpoint)
    if origins is None or "HTTP_ORIGIN" not in asked.environ:
        return response
    try:
        client = oauth_request.client
        return origins.answer(response, client.get_client_id() if client else None)
    except StoreUnavailable:
        # What is answered is answered; the page cannot read it.
        return response


def _answer_to(
    asked: Request,
    oauth_request: TokenRequest,
    server: Server,
    endpoint: Callable[[Server, TokenRequest], Response],
) -> Response:
    try:
        oauth_request.take(*read_parameters(asked))
        request_deadline.restart()
        return endpoint(server, oauth_request)
    except OAuth2Error as error:
        return server.handle_error_response(oauth_request, error)
    except (InvalidCredentials, Throttled, DirectoryUnavailable, StoreUnavailable, ClientEnded) as trouble:
        raw = isinstance(trouble, InvalidCredentials) and is_left_raw(oauth_request.raw_body)
        _log_trouble(server, oauth_request, trouble, raw=raw)
        flags = oauth_request.client.registered.flags if oauth_request.client else {}
        told = raw and bool(flags.get(URL_ENCODING_HINTS))
        return error_response(wire_error(trouble, raw=told, reason=bool(flags.get(DETAILED_ERRORS))))


def _log_trouble(server: Server, oauth_request: TokenRequest, trouble: Trouble, *, raw: bool) -> None:
    """The operator's sentence. The name that was typed is not in it: people type passwords there.

    Nor is what shows that a password was not URL-encoded (`raw`): it is part of the password.
    """
    hint = "password_not_url_encoded" if raw else None
    facts, noted = oauth_request.facts(), server.refusals.note(oauth_request, trouble, hint=hint)
    if hint is not None:
        facts["hint"] = hint
    if isinstance(trouble, InvalidCredentials):
        why = {"reason": noted.reason, "subject": noted.subject, "detail": trouble.detail}
        server.log.warning(noted.event, **why, name_digest=noted.name_digest, **facts)
    elif isinstance(trouble, Throttled):
        if isinstance(trouble, ClientThrottled):
            facts["client_id"] = trouble.client_id
        # A flood comes from many addresses: it is told by client, unless the address is what it is about.
        whose = facts["address" if trouble.cause is Cause.ADDRESS else "client_id"]
        times = server.throttlings.due((trouble.cause, whose))
        if times is not None:
            server.log.warning(noted.event, reason=noted.reason, times=times, **facts)
    elif isinstance(trouble, DirectoryUnavailable):
        say = server.log.error if trouble.alarm else server.log.warning
        say("directory.unavailable", cause=trouble.cause, alarm=trouble.alarm, **facts)
    elif isinstance(trouble, ClientEnded):
        server.log.warning("grant.refused", reason="client_ended", **facts)
    else:
        server.forget_clients()
        server.log.error("database.unavailable", cause=trouble.cause, **facts)
