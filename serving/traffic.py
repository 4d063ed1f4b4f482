"""What a worker's guard knows of requests: which are under way, and where the last ones came from."""

from collections import deque
from collections.abc import Callable
from typing import Any

from serving.bodies import Body, BodyGate

Call = Callable[[Any, dict[str, Any]], int]
# More than a worker answers in the few seconds for which the guard wants them.
_MOST = 1 << 16


class Traffic:
    """The requests of one worker, each as the time when it began and the address that it came from.

    `under_way` has those that are not answered, by granian's protocol object; `begun` has the last ones, in
    order.
    """

    def __init__(self) -> None:
        self.under_way: dict[Any, tuple[float, str]] = {}
        self.begun: deque[tuple[float, str]] = deque(maxlen=_MOST)

    def forget(self, before: float) -> None:
        """Forget requests that began before then."""
        begun = self.begun
        while begun and begun[0][0] < before:
            begun.popleft()


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
