"""A stream for log lines that can neither fail nor hold up what it tells of.

A pipe that nobody reads is full after 64 KiB, and whoever writes to it then waits for ever. So a pipe, a
terminal and a socket are written to without waiting. What they will not take now is kept, up to a bound, and
goes first at the next line; beyond the bound lines are lost, and counted. The audit row, which is in the
token's own transaction, does not depend on any of it.
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

_MOST_KEPT = 1000


class NonBlockingStream:
    """A text stream of whole lines whose writes never raise and never wait. Each goes out at once."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._send, end = _without_waiting(stream)
        weakref.finalize(self, end)
        self._lock = Lock()
        self._kept: deque[bytes] = deque()
        self._lost = 0

    def write(self, text: str) -> int:
        """Write `text`, which ends its line; keep it for later, or lose it, where the stream takes none."""
        if self._send is None:
            with contextlib.suppress(OSError, ValueError):
                self._stream.write(text)
                self._stream.flush()
            return len(text)
        # Nobody holds the lock for long: nothing in it waits.
        with self._lock:
            line = text.encode("utf-8", "backslashreplace")
            if len(self._kept) >= _MOST_KEPT:
                self._lost += 1
            else:
                self._kept.append(line)
            self._pass_on(self._send)
        return len(text)

    def flush(self) -> None:
        """Nothing is left to flush."""

    def _pass_on(self, send: Callable[[bytes], int]) -> None:
        """Write what is kept, as far as the stream takes it."""
        try:
            while self._kept:
                line = self._kept[0]
                sent = send(line)
                if sent < len(line):
                    self._kept[0] = line[sent:]
                    return
                self._kept.popleft()
                if self._lost and not self._kept:
                    self._kept.append(b'{"event": "log.lost", "level": "error", "lines": %d}\n' % self._lost)
                    self._lost = 0
        except BlockingIOError:
            return
        except (OSError, ValueError):
            # A full disk or a closed pipe: the line is lost, not the request.
            self._kept.clear()


def _without_waiting(stream: TextIO) -> tuple[Callable[[bytes], int] | None, Callable[[], object]]:
    """A way to write that raises BlockingIOError where others wait, and how it ends; None for lack of one."""
    try:
        descriptor = stream.fileno()
        mode = os.fstat(descriptor).st_mode
    except (OSError, ValueError):
        return None, _nothing
    if stat.S_ISSOCK(mode):
        # A descriptor of its own, and each message sent without waiting: others may share the socket.
        shared = socket.socket(fileno=os.dup(descriptor))
        return (lambda line: shared.send(line, socket.MSG_DONTWAIT)), shared.close
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        # Opened once more: the flag would reach every other process that has this end of the pipe.
        with contextlib.suppress(OSError):
            own = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
            return partial(os.write, own), partial(os.close, own)
    if stat.S_ISREG(mode):
        # Behind what the stream was given before, past its buffers: each line would be flushed anyhow.
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
            own = os.dup(descriptor)
            return partial(os.write, own), partial(os.close, own)
    return None, _nothing


def _nothing() -> None:
    pass
