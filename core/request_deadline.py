"""One deadline for everything that a request waits for: the directory, the database, other threads.

Owns: how long the current request may still wait. Must not know: what it waits for, or how it is answered.

One thread answers a request from its start to its end, so the deadline is kept by thread. A thread without a
request (a command, a thread of the worker) has none: there each wait has its own bound alone.
"""

from threading import get_ident
from time import monotonic

# Seconds that a wait may take when the request's time is over. What the directory has just decided can still
# be stored then, and a database that answers at all does so in a small part of it.
_LEAST = 0.2


ENDS: dict[int, tuple[float, float]] = {}
"""By thread: when its request is over, by the monotonic clock, and how long it had at its beginning.

`web.UnderDeadline` writes here itself: it meets every request, and two calls would cost as much again.
"""


def begin(seconds: float) -> None:
    """Begin a request in this thread.

    Args:
        seconds: for which it may wait, all waits together.
    """
    ENDS[get_ident()] = monotonic() + seconds, seconds


def restart() -> None:
    """Begin the request's time anew, once its body has come: a slow client takes nothing from it."""
    thread = get_ident()
    if (current := ENDS.get(thread)) is not None:
        ENDS[thread] = monotonic() + current[1], current[1]


def finish() -> None:
    """End the request of this thread: what the thread waits for next has no deadline."""
    ENDS.pop(get_ident(), None)


def bounded(seconds: float) -> float:
    """How long a wait may take: its own bound, or what is left of the request, and never nothing at all.

    Args:
        seconds: the bound of the wait itself.
    """
    current = ENDS.get(get_ident())
    if current is None:
        return seconds
    return min(seconds, max(current[0] - monotonic(), _LEAST))
