"""JSON answers: they end in a newline, and no cache stores them."""

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

from authlib.oauth2 import OAuth2Error
from flask import Response
from werkzeug.datastructures import Headers

from telemetry import json_text

_ALWAYS = (
    ("Content-Type", "application/json"),
    ("Cache-Control", "no-store"),
    ("Pragma", "no-cache"),
)
_OURS = frozenset({"content-type", "cache-control", "pragma", "content-length"})
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
        start_response(self._status, self.headers._list)  # noqa: SLF001 - nobody else has it
        return self.response


def json_response(
    body: Mapping[str, object], status: int = 200, headers: Iterable[tuple[str, str]] = ()
) -> Response:
    """A JSON answer with `Cache-Control: no-store` (RFC 6749, 5.1) that ends in a newline.

    Args:
        body: what to say.
        status: the HTTP status; one that has a body.
        headers: further headers; those of JSON and of caching are ours.
    """
    text = json_text(body).encode("ascii") + b"\n"
    outgoing = Headers()
    # What is added one by one is looked through for line breaks: of these each is a constant or a number.
    outgoing._list += (*_ALWAYS, ("Content-Length", str(len(text))))  # noqa: SLF001
    for name, value in headers:
        if name.lower() not in _OURS:
            outgoing.add(name, value)
    return JsonAnswer(text, status, outgoing)


def error_response(error: OAuth2Error) -> Response:
    """An OAuth error with its body and the headers that belong to it (RFC 6749, 5.2)."""
    return json_response(dict(error.get_body()), error.status_code, error.get_headers())
