"""The strict parser of requests to the OAuth endpoints (RFC 6749, 3.2 and appendix B).

Authlib reads parameters from the query as well as the body, lets them repeat, and builds URLs from the Host
header. Here a request is a form body, read once, completely and up to a limit, and its URL is the issuer's.
"""

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl

from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload, OAuth2Request
from flask import Request
from werkzeug.datastructures import EnvironHeaders
from werkzeug.exceptions import ClientDisconnected
from werkzeug.wsgi import get_content_length

from login import address_of
from oauth.errors import BodyTooLarge, LengthRequired, malformed
from oauth.responses import REQUEST_ID

BODY_LIMIT = 16 * 1024
FORM = "application/x-www-form-urlencoded"
"""The media type of a form."""
_MAX_PARAMETERS = 100


class ParameterNames(NamedTuple):
    """The names of the parameters that a server reads. Other parameters are ignored (RFC 6749, 3.2)."""

    once: frozenset[str]
    repeatable: frozenset[str]

    def joined(self, once: frozenset[str], repeatable: frozenset[str]) -> "ParameterNames":
        """These names and further ones."""
        return ParameterNames(self.once | once, self.repeatable | repeatable)


class Parameters(NamedTuple):
    """The parameters of one request, and the body that they come from."""

    once: Mapping[str, str]
    repeated: Mapping[str, Sequence[str]]
    body: bytes


class TokenRequest(OAuth2Request):
    """An OAuth request whose parameters the strict parser has accepted.

    `secret_used` is the client id and serial of the secret that authenticated the client, if its use is to be
    recorded. `granted_scope` and `granted_audience` are resolved before the directory is asked.
    `response_headers` are added to the answer, whatever it is.
    `app_password_id` is the app password that stands in the place of the user's password, once it is known.
    """

    def __init__(self, request: Request, *, issuer: str) -> None:
        super().__init__(request.method, issuer + request.path)
        self.headers = EnvironHeaders(request.environ)
        self.parameters: Mapping[str, str] = {}
        self.repeated: Mapping[str, Sequence[str]] = {}
        self.raw_body = b""
        self.request_id: str | None = request.environ.get(REQUEST_ID)
        self.address = _address(request)
        self.secret_used: tuple[str, int] | None = None
        self.granted_scope = ""
        self.granted_audience: str | None = None
        self.response_headers: Sequence[tuple[str, str]] = ()
        self.app_password_id: bytes | None = None
        self.user_agent: str | None = request.environ.get("HTTP_USER_AGENT")
        self._started = time.monotonic()

    def take(self, parameters: Parameters) -> None:
        """Take the parameters that the strict parser accepted."""
        self.payload = BasicOAuth2Payload(parameters.once)
        self.parameters, self.repeated, self.raw_body = parameters

    @property
    def resources(self) -> Sequence[str]:
        """The values of `resource`, which may repeat (RFC 8707, 2)."""
        return self.repeated.get("resource", ())

    def facts(self) -> dict[str, object]:
        """The fields that describe this request in a log line."""
        return {
            "request_id": self.request_id,
            "client_id": self.client.get_client_id() if self.client else None,
            "address": self.address,
            "duration_ms": self.elapsed_ms(),
        }

    def elapsed_ms(self) -> int:
        """Milliseconds since the request arrived."""
        return round((time.monotonic() - self._started) * 1000)

    @property
    def form(self) -> Mapping[str, str]:
        """The parameters of the body that may appear once."""
        return self.parameters


def _address(request: Request) -> str:
    """The client's address; behind a trusted proxy the text of its header, which may be no address."""
    original = request.environ.get("werkzeug.proxy_fix.orig")
    peer = original["REMOTE_ADDR"] if original else None
    return address_of(request.remote_addr or "", peer or "")


def read_parameters(request: Request, names: ParameterNames) -> Parameters:
    """The OAuth parameters of a request's body.

    An empty parameter counts as omitted (RFC 6749, 3.2), except `password`: an empty one is a wrong one.

    Args:
        request: the HTTP request.
        names: the parameters that the server reads.

    Raises:
        OAuth2Error: `invalid_request`, with a constant sentence; 413 for a body over 16 KiB.
    """
    body = read_form(request, names)
    once: dict[str, str] = {}
    repeated: dict[str, list[str]] = {}
    for name, value in parse_pairs(body):
        if name in once:
            raise malformed(f"The parameter {name} is given more than once.")
        if name in names.once:
            once[name] = value
        elif name in names.repeatable and value:
            repeated.setdefault(name, []).append(value)
    given = {name: value for name, value in once.items() if value or name == "password"}
    return Parameters(given, repeated, body)


def read_form(request: Request, names: ParameterNames) -> bytes:
    """The body of a request, which is a form and whose URL has no OAuth parameter.

    Args:
        request: the HTTP request.
        names: the parameters that the server reads.

    Raises:
        OAuth2Error: as `read_parameters`.
    """
    environ = request.environ
    if environ.get("CONTENT_TYPE") != FORM and request.mimetype != FORM:
        raise malformed(f"The body must be a form: Content-Type {FORM}.")
    if environ.get("QUERY_STRING") and any(
        name in names.once or name in names.repeatable for name, _ in parse_pairs(request.query_string)
    ):
        raise malformed("OAuth parameters belong in the body, never in the URL.")
    return _read_body(request)


def _read_body(request: Request) -> bytes:
    """The whole body; it must have a Content-Length.

    Behind a WSGI server, a connection that breaks inside a chunked body looks like the end of the body. Half
    a password would be tried then, and the failure counted against the user.

    Raises:
        OAuth2Error: the body is too large, ends early, or has no Content-Length.
    """
    length = get_content_length(request.environ)
    if length is not None and length > BODY_LIMIT:
        raise BodyTooLarge
    # A body with a length is read without Werkzeug's wrapper, because no more than its length is requested.
    source, wanted = (
        (request.stream, BODY_LIMIT + 1) if length is None else (request.environ["wsgi.input"], length)
    )
    try:
        body: bytes = source.read(wanted)
        while len(body) < wanted and (part := source.read(wanted - len(body))):
            body += part
    except (ClientDisconnected, OSError):
        raise malformed("The body ended too early.") from None
    if len(body) > BODY_LIMIT:
        raise BodyTooLarge
    if length is None:
        raise LengthRequired
    if len(body) != length:
        raise malformed("The body ended too early.")
    return body


def parse_pairs(encoded: bytes) -> list[tuple[str, str]]:
    """The parameters of a form or query; one without an equals sign has an empty value.

    Raises:
        OAuth2Error: `invalid_request`, where it is not UTF-8, is too long, or holds a NUL.
    """
    try:
        text = encoded.decode("utf-8")
        pairs = parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=_MAX_PARAMETERS, separator="&"
        )
    except UnicodeDecodeError:
        raise malformed("The parameters are not UTF-8.") from None
    except ValueError:
        raise malformed("There are too many parameters.") from None
    if "\0" in text or "%00" in text:
        raise malformed("The parameters hold a NUL character.")
    return pairs
