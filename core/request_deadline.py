"""One deadline for all waits of a request: for the directory, the database and other threads.

Owns: when the deadline of the current request begins and ends, and how much of it is left. Must not know:
what a request waits for, and what the answer is.

One thread answers a request from start to end, so deadlines are kept by thread. A thread without a request
(a command, a background thread) has no deadline: each of its waits has only its own bound.
"""

from collections.abc import Callable, Iterable
from threading import get_ident
from time import monotonic
from typing import Any

# After the deadline, a wait may still take this many seconds. A decision that the directory has just made can
# then be stored. A database that answers at all needs far less.
_MIN_WAIT_SECONDS = 0.2

_Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
# By thread: when its request's deadline is, by the monotonic clock, and how many seconds the request has.
_deadlines: dict[int, tuple[float, float]] = {}


class UnderDeadline:
    """A WSGI application whose requests have a deadline."""

    def __init__(self, application: _Wsgi, seconds: float) -> None:
        """Wrap an application.

        Args:
            application: Answers in the thread that calls it.
            seconds: How long the waits of one request may take together.
        """
        self._application = application
        self._seconds = seconds

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer under the deadline."""
        # Every request passes here, so this does the work of `begin` and `finish` without calling them.
        thread, seconds = get_ident(), self._seconds
        _deadlines[thread] = monotonic() + seconds, seconds
        try:
            return self._application(environ, start_response)
        finally:
            # A request within a request, as in tests, has removed it already.
            _deadlines.pop(thread, None)


def begin(seconds: float) -> None:
    """Begin a request in this thread.

    Args:
        seconds: How long its waits may take together.
    """
    _deadlines[get_ident()] = monotonic() + seconds, seconds


def restart() -> None:
    """Restart the request's time once its body has arrived, so that a slow client does not use it up."""
    thread = get_ident()
    if (current := _deadlines.get(thread)) is not None:
        _deadlines[thread] = monotonic() + current[1], current[1]


def finish() -> None:
    """Finish the request of this thread: its next waits have no deadline."""
    _deadlines.pop(get_ident(), None)


def bounded(seconds: float) -> float:
    """Give how long a wait may take: its own bound, or the rest of the request's time, but never zero.

    Args:
        seconds: The bound of the wait itself.
    """
    current = _deadlines.get(get_ident())
    if current is None:
        return seconds
    return min(seconds, max(current[0] - monotonic(), _MIN_WAIT_SECONDS))
