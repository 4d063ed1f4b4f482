"""How an answer is written: JSON that ends in a newline, and is never stored on its way."""

from collections.abc import Iterable, Mapping

from authlib.oauth2 import OAuth2Error
from flask import Response, json

_NEVER_STORED = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))


def json_response(
    body: Mapping[str, object], status: int = 200, headers: Iterable[tuple[str, str]] = ()
) -> Response:
    """A JSON answer with `Cache-Control: no-store` (RFC 6749, 5.1) that ends in a newline.

    Args:
        body: what to say.
        status: the HTTP status.
        headers: further headers; those of JSON and of caching are ours.
    """
    response = Response(json.dumps(body) + "\n", status, mimetype="application/json")
    for name, value in headers:
        if name.lower() not in {"content-type", "cache-control", "pragma"}:
            response.headers.add(name, value)
    response.headers.extend(_NEVER_STORED)
    return response


def error_response(error: OAuth2Error) -> Response:
    """An OAuth error with its body and the headers that belong to it (RFC 6749, 5.2)."""
    return json_response(dict(error.get_body()), error.status_code, error.get_headers())
