"""Limits how many threads of a worker slow request bodies may hold, and for how long.

A thread that reads a body waits inside granian until the body is whole, and nothing can call it back. But the
request can be answered from another thread. An answer that ends before its own Content-Length makes the HTTP
server give up the connection, which ends the wait.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from threading import Event
from typing import Any, NamedTuple

DEADLINE_SECONDS = 10.0
"""A body must be whole within this many seconds of its first read."""
PATIENCE_SECONDS = 0.1
"""A body has this many seconds even when other bodies hold too many threads."""
ENDING_SECONDS = 2.0
"""A body must be whole within this many seconds of its first read in a worker that must end."""
FREE_THREADS = 2
"""Threads of a worker that bodies hold for no longer than that patience; of two threads it is one."""

# The head of the answer leaves the process within this time. Otherwise the client sees a closed connection.
_FLUSH_SECONDS = 0.002
_HEADERS = [
    ("Content-Type", "text/plain; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Connection", "close"),
]


class Overdue(NamedTuple):
    """A body that must end: granian's protocol object of its request, the status, and the reason."""

    protocol: Any
    status: int
    reason: str


_SENTENCES = {408: b"The body came too slowly.\n", 503: b"Too many bodies are still coming.\n"}


class BodyLimit:
    """The bodies that the threads of one worker are reading.

    A dictionary holds them. The thread that takes an entry out decides how that read ends: the reading thread
    with the bytes that it read, or the reaper with an answer. Python's lock makes each operation on a
    dictionary atomic.
    """

    def __init__(
        self,
        threads: int,
        *,
        deadline: float = DEADLINE_SECONDS,
        patience: float = PATIENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin without a body.

        Args:
            threads: How many threads the worker has.
            deadline: Seconds for a whole body.
            patience: Seconds for a body while others hold too many threads.
            clock: A monotonic clock.
        """
        self.max_threads = threads - FREE_THREADS if threads > FREE_THREADS else threads - 1
        self.crowded = Event()
        self.clock = clock
        self._deadline = deadline
        self._patience = patience
        self._reading: dict[Any, tuple[float, str]] = {}

    def hasten(self) -> None:
        """Give bodies less time, because the supervisor kills a worker that does not end in time."""
        self._deadline = min(self._deadline, ENDING_SECONDS)
        self.crowded.set()

    def enter(self, protocol: Any, began: float, address: str) -> None:
        """Note that a thread has begun to wait for a part of a body."""
        self._reading[protocol] = (began, address)
        if len(self._reading) > self.max_threads and not self.crowded.is_set():
            self.crowded.set()

    def leave(self, protocol: Any) -> bool:
        """Note that a thread's wait is over.

        Returns:
            Whether the read may go on: False where the reaper has answered the request.
        """
        return self._reading.pop(protocol, None) is not None

    def is_crowded(self) -> bool:
        """Tell whether bodies hold more threads than the limit."""
        return len(self._reading) > self.max_threads

    def overdue(self) -> list[Overdue]:
        """List the bodies that must end now.

        Bodies past the deadline end. Where too many are left, the oldest ones end that came from the address
        with most of them: one sender with many slow bodies does not end those of others.
        """
        now = self.clock()
        waiting = {
            protocol: (now - began, address) for protocol, (began, address) in list(self._reading.items())
        }
        late = [
            Overdue(protocol, 408, "deadline")
            for protocol, (age, _) in waiting.items()
            if age >= self._deadline
        ]
        for each in late:
            del waiting[each.protocol]
        return late + [Overdue(protocol, 503, "crowd") for protocol in self._too_many(waiting)]

    def _too_many(self, waiting: dict[Any, tuple[float, str]]) -> Iterator[Any]:
        counts = Counter(address for _, address in waiting.values())
        while len(waiting) > self.max_threads:
            candidates = [each for each, (age, _) in waiting.items() if age >= self._patience]
            if not candidates:
                return
            chosen = max(candidates, key=lambda each: (counts[waiting[each][1]], waiting[each][0]))
            counts[waiting.pop(chosen)[1]] -= 1
            yield chosen

    def end(self, overdue: Overdue) -> bool:
        """Answer a request whose body is not whole, and give its connection up.

        Returns:
            Whether the body was ended: False where it has become whole meanwhile.
        """
        if not self.leave(overdue.protocol):
            return False
        sentence = _SENTENCES[overdue.status]
        length = ("Content-Length", str(len(sentence) + 1))
        overdue.protocol.response_iter(overdue.status, [*_HEADERS, length], _CutShort(sentence))
        return True


class _CutShort:
    """An answer's body that is one byte shorter than its Content-Length says."""

    def __init__(self, sentence: bytes) -> None:
        self._parts = iter([sentence])

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        for part in self._parts:
            return part
        time.sleep(_FLUSH_SECONDS)
        raise StopIteration

    def close(self) -> None:
        """Nothing is left to do."""


class Body:
    """A request's `wsgi.input`, whose reads count against the limit (PEP 3333, input and error streams)."""

    __slots__ = ("_address", "_began", "_bodies", "_input", "_protocol")

    def __init__(self, given: Any, bodies: BodyLimit, protocol: Any, address: str) -> None:
        self._input = given
        self._bodies = bodies
        self._protocol = protocol
        self._address = address
        self._began = 0.0

    def read(self, *size: int) -> bytes:
        """Read this many bytes, or the whole body.

        Raises:
            ConnectionAbortedError: The body came too slowly, and the request has been answered.
        """
        part: bytes = self._watched(self._input.read, size)
        return part

    def readline(self, *size: int) -> bytes:
        """Read a line. Raises as `read` does."""
        line: bytes = self._watched(self._input.readline, size)
        return line

    def readlines(self, *hint: int) -> list[bytes]:
        """Read all lines. Raises as `read` does."""
        lines: list[bytes] = self._watched(self._input.readlines, hint)
        return lines

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def _watched(self, read: Callable[..., Any], given: tuple[int, ...]) -> Any:
        bodies, protocol = self._bodies, self._protocol
        began = self._began
        if not began:
            # The deadline is that of the whole body, however many reads it takes.
            began = self._began = bodies.clock()
        bodies.enter(protocol, began, self._address)
        try:
            got = read(*given)
        except BaseException:
            bodies.leave(protocol)
            raise
        if not bodies.leave(protocol):
            raise ConnectionAbortedError("the body came too slowly")
        return got
