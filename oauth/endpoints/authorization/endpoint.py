"""The authorization endpoint (RFC 6749, 3.1), as far as it has no page: reading a request, and answering it.

The pages call it: `read` a request, or `restore` a stored one; sign in and ask the user; then `allow` or
`refuse`. Each answer names this server (`iss`, RFC 9207).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, cast

from authlib.oauth2 import OAuth2Error
from flask import Request
from flask.globals import request_ctx

from models import Approval, AuthorizationCode
from oauth.authorization import checks
from oauth.authorization.reading import NAMES, RESOURCE, Given, read_request, refuse_unreadable, restored
from oauth.authorization.request import (
    PROMPTS,
    AuthorizationAnswer,
    AuthorizationRequest,
    RedirectedError,
    StoredParameters,
    UnsafeRequest,
)
from oauth.clients.authentication import OAuthClient
from oauth.errors import REFUSALS, InvalidRequestUri, missing
from oauth.grants.authorization_code import CODE, AuthorizationCodeGrant
from oauth.policy.scope import OPENID
from oauth.server import Server
from oauth.token_request import Parameters, TokenRequest
from oauth.tokens.handles import handle_key, new_handle

CODE_SECONDS = 60
"""The lifetime of a code: it only travels through the browser (RFC 6749, 4.1.2)."""
REQUEST_URI = "urn:ietf:params:oauth:request_uri:"
"""The beginning of the name of a pushed request (RFC 9126, 2.2)."""
_BEFORE_PROOF = frozenset({"client_id", "redirect_uri"})
_TWICE = "The request names its program, or the address of the answer, more than once."
_UNREADABLE = "The program sent a request that cannot be read."
_UNKNOWN_CLIENT = "The program that sent you here is not registered, or was disabled."
_REFUSED = "The request was refused."
_NO_ADDRESS = "The program did not say where the answer goes, as OpenID Connect demands."
_OTHER_ADDRESS = "The program asked for the answer at an address that is not registered for it."


class Authorization:
    """Reads and answers authorization requests. It logs each refusal."""

    ENDPOINT_NAME = "authorization"
    PATHS = ("/oauth/authorize", "/authorize")
    HTTP_METHODS = ("GET", "POST")
    CORS = False
    PARAMETERS = NAMES.once
    REPEATABLE_PARAMETERS = NAMES.repeatable
    METADATA: ClassVar[Mapping[str, str | bool | Sequence[str]]] = {
        "authorization_endpoint": PATHS[0],
        "authorization_response_iss_parameter_supported": True,
        "prompt_values_supported": PROMPTS,
        "request_parameter_supported": False,
        # The default would be true (OpenID Connect Discovery 1.0, 3).
        "request_uri_parameter_supported": False,
    }

    def __init__(self, server: Server) -> None:
        """Take the server, with its grants."""
        self._server = server

    def read(self, http_request: Request, facts: TokenRequest | None = None) -> AuthorizationRequest:
        """The checked request of a browser.

        Args:
            http_request: by GET with a query, or by POST with a form.
            facts: what log and audit know of it; it gets the client. A new one if None.

        Raises:
            UnsafeRequest: client or redirect URI are not proven: show a page.
            RedirectedError: tell the client by its answer.
            StoreUnavailable: the database cannot say.
        """
        request = self._facts() if facts is None else facts
        try:
            given = read_request(http_request)
        except OAuth2Error as error:
            self._log(request, error.error, error.description)
            raise UnsafeRequest(error.error, _UNREADABLE, error.status_code) from None
        return self.check(request, self._pushed(request, given))

    def restore(
        self, parameters: StoredParameters, client_id: str, facts: TokenRequest | None = None
    ) -> AuthorizationRequest:
        """Check a stored request again: its client may have been changed or disabled meanwhile.

        Args:
            parameters: as `AuthorizationRequest.parameters` has them.
            client_id: of the client that the request was stored for.
            facts: as `read` has it.

        Raises:
            UnsafeRequest, RedirectedError, StoreUnavailable: as `read`.
        """
        given = restored(parameters)
        given = given._replace(once={**given.once, "client_id": client_id})
        return self.check(self._facts() if facts is None else facts, given)

    def allow(
        self,
        request: AuthorizationRequest,
        approval: Approval,
        facts: TokenRequest | None = None,
        *,
        beside: Sequence[Callable[..., object]] = (),
        stored: Callable[[], object] | None = None,
    ) -> AuthorizationAnswer:
        """Store a code for what the user approved, and give the answer that has it (RFC 6749, 4.1.2).

        Args:
            request: as it was checked.
            approval: what the user approved.
            facts: as `read` has it.
            beside: writes in the code's transaction, as `CodeStore.add` has them.
            stored: is called once all of it is stored.

        Raises:
            StoreUnavailable: nothing was stored.
        """
        browser = self._facts() if facts is None else facts
        browser.client = OAuthClient(request.client)
        handle, now = new_handle(), self._server.now()
        code = AuthorizationCode(
            client_id=request.client.client_id,
            redirect_uri=request.given_redirect_uri,
            code_challenge=request.code_challenge,
            approval=approval,
            issued_at=now,
            expires_at=now + CODE_SECONDS,
        )
        event = self._server.audit.event(
            "code.issued", browser, subject=approval.subject, scope=approval.scope
        )
        self._server.stores.codes.add(handle.key, code, event, beside=beside)
        if stored is not None:
            stored()
        self._server.log.info(event.event, **event.facts())
        return self._answer(request.redirect_uri, request.response_mode, request.state, {CODE: handle.text})

    def refuse(
        self, request: AuthorizationRequest, error: str, description: str | None = None
    ) -> AuthorizationAnswer:
        """The answer that tells the client of a refusal (RFC 6749, 4.1.2.1).

        Args:
            request: as it was checked.
            error: the code, such as `access_denied` or `login_required`.
            description: a constant sentence; the usual one of the code if None.
        """
        told = {"error": error, "error_description": description or REFUSALS.get(error, _REFUSED)}
        return self._answer(request.redirect_uri, request.response_mode, request.state, told)

    def _facts(self) -> TokenRequest:
        return TokenRequest(request_ctx.request, issuer=self._server.issuer)

    def _pushed(self, request: TokenRequest, given: Given) -> Given:
        """The parameters of a pushed request, which is taken away (RFC 9126, 4 and 7.3); else the given ones.

        Other parameters beside it are ignored (RFC 9101, 5).

        Raises:
            UnsafeRequest: it is unknown, was used before, has expired, or was pushed by another client.
        """
        request_uri = given.once.get("request_uri", "")
        if not request_uri.startswith(REQUEST_URI) or "request_uri" in given.repeated:
            return given
        key, requests = handle_key(request_uri.removeprefix(REQUEST_URI)), self._server.stores.requests
        pushed = requests.find(key, "pushed") if key else None
        if key and pushed and pushed.client_id == given.once.get("client_id"):
            taken = requests.take(key, "pushed")
            if taken is not None:
                return restored(cast("StoredParameters", taken.parameters))
        error = InvalidRequestUri()
        self._log(request, error.error, error.description)
        raise UnsafeRequest(error.error, error.description)

    def check(self, request: TokenRequest, given: Given) -> AuthorizationRequest:
        """Prove client and redirect URI, then check every other parameter.

        Args:
            request: the HTTP request that brought the parameters.
            given: the parameters.

        Raises:
            UnsafeRequest, RedirectedError, StoreUnavailable: as `read`.
        """
        try:
            request.client = client = self._proven_client(given)
            redirect_uri = proven_redirect_uri(client, given)
        except UnsafeRequest as refusal:
            self._log(request, refusal.error, refusal.description)
            raise
        try:
            return check_parameters(self._server, request, redirect_uri, given)
        except OAuth2Error as error:
            self._log(request, error.error, error.description)
            mode = checks.answer_mode(given.once.get("response_mode"), redirect_uri)
            told = {"error": error.error, "error_description": error.description}
            answer = self._answer(redirect_uri, mode, given.once.get("state"), told)
            raise RedirectedError(error.error, error.description, answer) from None

    def _proven_client(self, given: Given) -> OAuthClient:
        """The client that the request names, which is registered and enabled."""
        if given.repeated & _BEFORE_PROOF:
            raise UnsafeRequest("invalid_request", _TWICE)
        client_id = given.once.get("client_id")
        client: OAuthClient | None = self._server.query_client(client_id) if client_id else None
        if client is None or client.registered.disabled_at is not None:
            raise UnsafeRequest("invalid_client", _UNKNOWN_CLIENT)
        return client

    def _answer(
        self, redirect_uri: str, mode: str, state: str | None, told: Mapping[str, str]
    ) -> AuthorizationAnswer:
        """An answer with what every answer has: the client's state, and this server (RFC 9207, 2)."""
        stated = {} if state is None else {"state": state}
        return AuthorizationAnswer(redirect_uri, {**told, **stated, "iss": self._server.issuer}, mode)

    def _log(self, request: TokenRequest, error: str, sentence: str) -> None:
        self._server.log.info("request.refused", error=error, reason=sentence, **request.facts())


def proven_redirect_uri(client: OAuthClient, given: Given) -> str:
    """The redirect URI that a request names, or the client's only one (RFC 6749, 3.1.2.3).

    A request of OpenID Connect must name it (Core 1.0, 3.1.2.1).

    Args:
        client: the client of the request.
        given: its parameters.

    Raises:
        UnsafeRequest: the client is not registered with it, or it is missing.
    """
    named, registered = given.once.get("redirect_uri"), client.registered
    scope = given.once.get("scope", registered.default_scope or registered.scope)
    if named is None and OPENID in scope.split():
        raise UnsafeRequest("invalid_request", _NO_ADDRESS)
    uri = client.get_default_redirect_uri() if named is None else named
    if not uri or not client.check_redirect_uri(uri):
        raise UnsafeRequest("invalid_request", _OTHER_ADDRESS)
    return uri


def check_parameters(
    server: Server, request: TokenRequest, redirect_uri: str, given: Given
) -> AuthorizationRequest:
    """Check every parameter beside client and redirect URI.

    Args:
        server: with its grants.
        request: the HTTP request that brought the parameters, with its client.
        redirect_uri: proven.
        given: the parameters.

    Raises:
        OAuth2Error: what the client is told.
        StoreUnavailable: the database cannot say.
    """
    refuse_unreadable(given)
    checks.refuse_unsupported(given)
    if "response_type" not in given.once:
        raise missing("response_type")
    request.take(Parameters(given.once, {RESOURCE: given.resources}, b""))
    grant: AuthorizationCodeGrant = server.get_authorization_grant(request)
    grant.oauth_client, grant.given, grant.redirect_uri = request.client, given, redirect_uri
    grant.validate_consent_request()
    return grant.checked
