"""One deadline for each request: it bounds all of the request's waits together."""

from collections.abc import Callable, Iterable
from threading import get_ident
from time import monotonic
from typing import Any

from core.request_deadline import ENDS

_Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class UnderDeadline:
    """A WSGI application whose requests have a deadline."""

    def __init__(self, application: _Wsgi, seconds: float) -> None:
        """Wrap an application.

        Args:
            application: answers in the thread that calls it.
            seconds: how long the waits of one request may take together.
        """
        self._application = application
        self._seconds = seconds

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer under the deadline."""
        thread, seconds = get_ident(), self._seconds
        ENDS[thread] = monotonic() + seconds, seconds
        try:
            return self._application(environ, start_response)
        finally:
            # A request within a request, as in tests, has removed it already.
            ENDS.pop(thread, None)
