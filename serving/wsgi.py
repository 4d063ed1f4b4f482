"""Calls the application for a request, with an environ that has the keys of PEP 3333 alone.

granian's own caller copies `os.environ` into each request's environ. Code that shows an environ would then
show the server's secrets too, and the copy costs time on every request.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

Environ = dict[str, Any]
StartResponse = Callable[..., object]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


class _Answer:
    """Receives the status and headers of an answer (PEP 3333, `start_response`)."""

    __slots__ = ("headers", "status")

    status: int
    headers: list[tuple[str, str]]

    def __call__(self, status: str, headers: list[tuple[str, str]], _error: object = None) -> None:
        """Keep the status and the headers. It returns no `write`, since our application returns its body."""
        self.status, self.headers = int(status[:3]), headers


class _Body:
    """A body in parts, as granian reads it."""

    __slots__ = ("__next__", "_parts")

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = parts
        self.__next__ = iter(parts).__next__

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._parts)

    def close(self) -> None:
        """Let the application clean up (PEP 3333, `close`)."""
        if close := getattr(self._parts, "close", None):
            close()


def caller(application: Application, *, workers: int) -> Callable[[Any, Environ], int]:
    """Make the function that granian calls for each request.

    Args:
        application: The WSGI application.
        workers: How many processes call it.

    Returns:
        A function that answers a request and returns the status. Its arguments are granian's protocol object
        and a new dict with the request's part of the environ.
    """
    # These are the same for every request. PEP 3333 has all but Werkzeug's `wsgi.input_terminated`.
    common = {
        "SCRIPT_NAME": "",
        "wsgi.version": (1, 0),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": workers > 1,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }

    def call(protocol: Any, environ: Environ) -> int:
        environ.update(common)
        answer = _Answer()
        body = application(environ, answer)
        if isinstance(body, list):
            protocol.response_bytes(answer.status, answer.headers, b"".join(body))
        else:
            protocol.response_iter(answer.status, answer.headers, _Body(body))
        return answer.status

    return call
