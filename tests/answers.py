"""Answers as tests compare them: without the request's id, which differs from one request to the next."""

import json
from collections.abc import Iterable
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import Headers
from werkzeug.test import TestResponse

HEADER = "X-Request-Id"


class Answer(TestResponse):
    """An answer whose id is checked and then removed: two requests with equal answers compare as equal.

    Every answer has the header, and every error in JSON names the header's id in a member of its own.
    """

    def __init__(
        self, response: Iterable[bytes], status: str, headers: Headers, *rest: Any, **named: Any
    ) -> None:
        (self.request_id,) = headers.getlist(HEADER)
        headers.remove(HEADER)
        if int(status.split(maxsplit=1)[0]) >= 400 and headers.get("Content-Type") == "application/json":
            response = [without_id(b"".join(response), self.request_id)]
            if response[0]:
                headers["Content-Length"] = str(len(response[0]))
        super().__init__(response, status, headers, *rest, **named)


def without_id(body: bytes, request_id: str) -> bytes:
    """The body of an error without its member `request_id`. Other bodies, such as that of /readyz, stay."""
    members = json.loads(body) if body else {}
    if "error_description" not in members:
        return body
    assert members.pop("request_id") == request_id
    rest = body.replace(f', "request_id": "{request_id}"'.encode(), b"")
    assert json.loads(rest) == members
    return rest


def client_of(app: Flask) -> FlaskClient:
    """A client of an application, whose answers are those of `Answer`."""
    return FlaskClient(app, Answer, use_cookies=True)
