"""JSON answers: they end in a newline, and no cache stores them. Errors name the request's id."""

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

from authlib.oauth2 import OAuth2Error
from flask import Response, has_request_context
from flask.globals import request_ctx
from werkzeug.datastructures import Headers

from telemetry import json_text

REQUEST_ID = "netid.request_id"
"""The key of the request's id in its WSGI environ."""

_JSON_HEADERS = (
    ("Content-Type", "application/json"),
    ("Cache-Control", "no-store"),
    ("Pragma", "no-cache"),
)
_SET_HERE = frozenset({"content-type", "cache-control", "pragma", "content-length"})
_BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class JsonAnswer(Response):
    """An answer in one piece that sends its headers as they are.

    Werkzeug copies the headers, searches them for missing ones, and wraps the body: 30 % of a token check
    (docs/decisions/0020-hot-path.md).
    """

    response: list[bytes]

    def __init__(self, text: bytes, status: int, headers: Headers) -> None:
        super().__init__([text], status, headers)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer as a WSGI application."""
        bodiless = environ["REQUEST_METHOD"] == "HEAD" or self._status_code in _BODILESS
        if bodiless or self._on_close:
            return super().__call__(environ, start_response)
        start_response(self._status, self.headers._list)  # noqa: SLF001 - a copy is what this class avoids
        return self.response


def json_response(
    body: Mapping[str, object], status: int = 200, headers: Iterable[tuple[str, str]] = ()
) -> Response:
    """A JSON answer with `Cache-Control: no-store` (RFC 6749, 5.1) that ends in a newline.

    Args:
        body: the members of the JSON object.
        status: an HTTP status whose response has a body.
        headers: further headers. Headers about the content type, length and caching are ignored.
    """
    text = json_text(body).encode("ascii") + b"\n"
    outgoing = Headers()
    # `Headers.add` searches values for line breaks; these are constants and a number.
    outgoing._list += (*_JSON_HEADERS, ("Content-Length", str(len(text))))  # noqa: SLF001
    for name, value in headers:
        if name.lower() not in _SET_HERE:
            outgoing.add(name, value)
    return JsonAnswer(text, status, outgoing)


def add_headers(response: Response, headers: Iterable[tuple[str, str]]) -> None:
    """Add headers to an answer.

    `Headers.extend` checks names and values each time, which costs a token 1 %.

    Args:
        response: the answer.
        headers: constants, or values that hold nothing but text of checked settings and numbers.
    """
    response.headers._list += headers  # noqa: SLF001 - as in `json_response`


def error_response(error: OAuth2Error) -> Response:
    """The answer for an OAuth error: its body and its headers (RFC 6749, 5.2)."""
    return error_json(dict(error.get_body()), error.status_code, error.get_headers())


def error_json(body: Mapping[str, object], status: int, headers: Iterable[tuple[str, str]] = ()) -> Response:
    """The answer for an error, with the request's id, by which the operator finds its log lines.

    Error and description are constant, so the id has a member of its own (RFC 6749, 8.5: an extension).

    Args:
        body: the other members.
        status: the HTTP status.
        headers: further headers, as `json_response` takes them.
    """
    request_id = current_request_id()
    return json_response(body if request_id is None else {**body, "request_id": request_id}, status, headers)


def current_request_id() -> str | None:
    """The id of the current request; None outside of one."""
    return request_ctx.request.environ.get(REQUEST_ID) if has_request_context() else None
