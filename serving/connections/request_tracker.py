"""Tracks the requests of a worker: those in progress, and where the latest ones came from."""

from collections import deque
from collections.abc import Callable
from typing import Any

from serving.connections.body_limit import Body, BodyLimit

Call = Callable[[Any, dict[str, Any]], int]
# With many more, each request would allocate memory that Python's garbage collector searches again and again.
_MAX_RECENT = 2048


class RequestTracker:
    """The requests of one worker, each as the time when it began and the address that it came from.

    `in_progress` has the requests that are not answered yet, by granian's protocol object. `recent` has the
    latest requests in order. It is filled only with TLS, where the connection table needs it.
    """

    def __init__(self, *, tls: bool, kept: int = _MAX_RECENT) -> None:
        """Begin without a request.

        Args:
            tls: Whether connections are encrypted.
            kept: How many of the latest requests are kept.
        """
        self.in_progress: dict[Any, tuple[float, str]] = {}
        self.recent: deque[tuple[float, str]] = deque(maxlen=kept if tls else 0)

    def known_since(self) -> float:
        """Give the time since which every request is in `recent`."""
        recent = list(self.recent)
        return recent[0][0] if recent and len(recent) == self.recent.maxlen else float("-inf")


def tracked(call: Call, requests: RequestTracker, bodies: BodyLimit) -> Call:
    """Wrap the function that granian calls for each request, so that requests and bodies are tracked.

    Args:
        call: Answers a request, from granian's protocol object and the request's part of the environ.
        requests: Receives each request.
        bodies: Receives each read of a body.

    Returns:
        A function that is called in the same way.
    """
    in_progress, note, clock = requests.in_progress, requests.recent.append, bodies.clock

    def call_tracked(protocol: Any, environ: dict[str, Any]) -> int:
        address = environ["REMOTE_ADDR"]
        begun = (clock(), address)
        in_progress[protocol] = begun
        note(begun)
        if "CONTENT_LENGTH" in environ or "HTTP_TRANSFER_ENCODING" in environ:
            environ["wsgi.input"] = Body(environ["wsgi.input"], bodies, protocol, address)
        try:
            return call(protocol, environ)
        finally:
            del in_progress[protocol]

    return call_tracked
