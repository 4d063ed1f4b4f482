"""Every request has one deadline for all that it waits for, from its start."""

from collections.abc import Callable, Iterable
from typing import Any

import request_deadline

_Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class UnderDeadline:
    """A WSGI application whose requests have a deadline."""

    def __init__(self, application: _Wsgi, seconds: float) -> None:
        """Wrap an application.

        Args:
            application: what answers, in the thread that it is called in.
            seconds: for which a request may wait, all waits together.
        """
        self._application = application
        self._seconds = seconds

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer under the deadline."""
        request_deadline.begin(self._seconds)
        try:
            return self._application(environ, start_response)
        finally:
            request_deadline.finish()
