"""What a worker's guard knows of requests: which are under way, and where the last ones came from."""

from collections import deque
from collections.abc import Callable
from typing import Any

from serving.connections.bodies import Body, BodyGate

Call = Callable[[Any, dict[str, Any]], int]
# Many more would make each request take new memory, which Python then searches for garbage again and again.
_KEPT = 2048


class Traffic:
    """The requests of one worker, each as the time when it began and the address that it came from.

    `under_way` has those that are not answered, by granian's protocol object. `begun` has the last ones, in
    order; only where connections are encrypted, since the guard needs them there alone.
    """

    def __init__(self, *, tls: bool, kept: int = _KEPT) -> None:
        """Begin with no request.

        Args:
            tls: whether connections are encrypted.
            kept: how many of the last requests are kept.
        """
        self.under_way: dict[Any, tuple[float, str]] = {}
        self.begun: deque[tuple[float, str]] = deque(maxlen=kept if tls else 0)

    def known_since(self) -> float:
        """The time from which on every request is in `begun`."""
        begun = list(self.begun)
        return begun[0][0] if begun and len(begun) == self.begun.maxlen else float("-inf")


def watched(call: Call, traffic: Traffic, gate: BodyGate) -> Call:
    """Watch over what granian calls for each request.

    Args:
        call: answers a request; it is given granian's protocol object and the request's part of the environ.
        traffic: where requests are noted.
        gate: where the reads of bodies are noted.

    Returns:
        A function that is called in the same way.
    """
    under_way, note, clock = traffic.under_way, traffic.begun.append, gate.clock

    def watch(protocol: Any, environ: dict[str, Any]) -> int:
        address = environ["REMOTE_ADDR"]
        begun = (clock(), address)
        under_way[protocol] = begun
        note(begun)
        if "CONTENT_LENGTH" in environ or "HTTP_TRANSFER_ENCODING" in environ:
            environ["wsgi.input"] = Body(environ["wsgi.input"], gate, protocol, address)
        try:
            return call(protocol, environ)
        finally:
            del under_way[protocol]

    return watch
