"""JSON answers, as the WSGI server gets them."""

from collections.abc import Iterable

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from oauth import json_response


def sent(
    method: str = "GET", status: int = 200, headers: Iterable[tuple[str, str]] = ()
) -> tuple[bytes, str, dict[str, str]]:
    """The body, the status line and the headers of an answer to a request by `method`."""
    answer = json_response({"name": "Ålice"}, headers=headers)
    answer.status_code = status
    body, line, found = run_wsgi_app(answer, EnvironBuilder(method=method).get_environ(), buffered=True)
    return b"".join(body), line, dict(found)


def test_length_is_that_of_the_body() -> None:
    """The answer is JSON in ASCII with its length in octets (RFC 9110, 8.6)."""
    body, line, headers = sent()
    assert (body, line) == (b'{"name": "\\u00c5lice"}\n', "200 OK")
    assert headers["Content-Length"] == str(len(body))
    assert headers["Content-Type"] == "application/json"
    assert headers["Cache-Control"] == "no-store"


def test_head_has_no_body() -> None:
    """HEAD is answered like GET, without the body (RFC 9110, 9.3.2)."""
    body, line, headers = sent("HEAD")
    assert (body, line) == (b"", "200 OK")
    assert headers == sent()[2]


@pytest.mark.parametrize("status", [204, 304])
def test_status_204_and_304_have_no_body(status: int) -> None:
    """204 and 304 have no body, even if the status is set later (RFC 9110, 15.3.5 and 15.4.5)."""
    assert sent(status=status)[0] == b""


@pytest.mark.parametrize("name", ["Content-Type", "Content-Length", "Cache-Control", "Pragma"])
def test_fixed_header_cannot_be_replaced(name: str) -> None:
    """A further header cannot replace a fixed one."""
    assert sent(headers=[(name, "x")]) == sent()


def test_header_with_a_line_break_is_refused() -> None:
    """A header cannot be split into two (RFC 9110, 5.5)."""
    with pytest.raises(ValueError, match="newline"):
        json_response({}, headers=[("Allow", "GET\r\nSet-Cookie: x")])
