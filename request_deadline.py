"""One deadline for everything that a request waits for: the directory, the database, other threads.

Owns: how long the current request may still wait. Must not know: what it waits for, or how it is answered.

One thread answers a request from its start to its end, so the deadline is kept by thread. A thread without a
request (a command, a thread of the worker) has none: there each wait has its own bound alone.
"""

import math
import threading
import time

# Seconds that a wait may take when the request's time is over. What the directory has just decided can still
# be stored then, and a database that answers at all does so in a small part of it.
_LEAST = 0.2


class _Current(threading.local):
    seconds = end = math.inf


_CURRENT = _Current()


def begin(seconds: float) -> None:
    """Begin a request in this thread.

    Args:
        seconds: for which it may wait, all waits together.
    """
    _CURRENT.seconds = seconds
    _CURRENT.end = time.monotonic() + seconds


def restart() -> None:
    """Begin the request's time anew, once its body has come: a slow client takes nothing from it."""
    _CURRENT.end = time.monotonic() + _CURRENT.seconds


def finish() -> None:
    """End the request of this thread: what the thread waits for next has no deadline."""
    _CURRENT.seconds = _CURRENT.end = math.inf


def bounded(seconds: float) -> float:
    """How long a wait may take: its own bound, or what is left of the request, and never nothing at all.

    Args:
        seconds: the bound of the wait itself.
    """
    end = _CURRENT.end
    if end == math.inf:
        return seconds
    return min(seconds, max(end - time.monotonic(), _LEAST))
