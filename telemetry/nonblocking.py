"""A stream for log lines whose writes never fail and never block a request.

A pipe without a reader is full after 64 KiB, and a blocking write to it never returns. So writes to a pipe, a
terminal or a socket do not block. Lines that the stream does not accept wait in a bounded queue and are
written before the next line. Lines beyond the bound are dropped and counted. The audit row does not depend on
the log: it is in the token's transaction. Decision 31 says why this is no QueueHandler.
"""

import contextlib
import os
import socket
import stat
import weakref
from collections import deque
from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import TextIO

_MAX_QUEUED_LINES = 1000


class NonBlockingStream:
    """A text stream of whole lines. Writes never raise and never block. Each line is written at once."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._send, end = _non_blocking_writer(stream)
        weakref.finalize(self, end)
        self._lock = Lock()
        self._queue: deque[bytes] = deque()
        self._dropped = 0

    def write(self, text: str) -> int:
        """Write a whole line. Queue it if the stream would block, and drop it if the queue is full."""
        if self._send is None:
            with contextlib.suppress(OSError, ValueError):
                self._stream.write(text)
                self._stream.flush()
            return len(text)
        # The lock is held for microseconds: nothing under it blocks.
        with self._lock:
            line = text.encode("utf-8", "backslashreplace")
            if len(self._queue) >= _MAX_QUEUED_LINES:
                self._dropped += 1
            else:
                self._queue.append(line)
            self._drain(self._send)
        return len(text)

    def flush(self) -> None:
        """Do nothing: each write is flushed."""

    def _drain(self, send: Callable[[bytes], int]) -> None:
        """Write queued lines until the stream would block."""
        try:
            while self._queue:
                line = self._queue[0]
                sent = send(line)
                if sent < len(line):
                    self._queue[0] = line[sent:]
                    return
                self._queue.popleft()
                if self._dropped and not self._queue:
                    self._queue.append(
                        b'{"event": "log.lost", "level": "error", "lines": %d}\n' % self._dropped
                    )
                    self._dropped = 0
        except BlockingIOError:
            return
        except (OSError, ValueError):
            # The disk is full or the pipe is closed. The line is lost; the request goes on.
            self._queue.clear()


def _non_blocking_writer(stream: TextIO) -> tuple[Callable[[bytes], int] | None, Callable[[], object]]:
    """Return a writer that raises BlockingIOError instead of blocking, or None, and how to close it."""
    try:
        descriptor = stream.fileno()
        mode = os.fstat(descriptor).st_mode
    except (OSError, ValueError):
        return None, _nothing
    if stat.S_ISSOCK(mode):
        # Other processes may share the socket, so the flag is set for each message and not for the socket.
        shared = socket.socket(fileno=os.dup(descriptor))
        return (lambda line: shared.send(line, socket.MSG_DONTWAIT)), shared.close
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        # Opened again: on the shared descriptor, O_NONBLOCK would affect every process that has it.
        with contextlib.suppress(OSError):
            own = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
            return partial(os.write, own), partial(os.close, own)
    if stat.S_ISREG(mode):
        # Writes bypass the buffer of the stream, so what is in the buffer must go first.
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
            own = os.dup(descriptor)
            return partial(os.write, own), partial(os.close, own)
    return None, _nothing


def _nothing() -> None:
    pass
