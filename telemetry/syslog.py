"""The system's log, which collects what operators do by commands.

A command's standard error is a terminal that nobody keeps. A host's syslog or journal does, beside the log
of the server. A container often has neither; there, standard error is collected.
"""

import contextlib
import io
import socket
import sys
from pathlib import Path
from typing import TextIO, cast

from telemetry.log import LateLog, Log

SOCKET = Path("/dev/log")
"""Where the host's syslog or journal listens (syslog(3))."""

# The facility for security messages (10) and the severity of an informational one (6): RFC 5424, 6.2.1.
_PREFIX = f"<{10 * 8 + 6}>netid-oauth: "


class SyslogStream(io.TextIOBase):
    """A stream of whole lines, each one a message of the system's log. A write never blocks or raises."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, text: str) -> int:
        """Send a line, or write it to standard error if the system's log does not take it."""
        message = f"{_PREFIX}{text.rstrip()}".encode("utf-8", "backslashreplace")
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
                link.settimeout(0)
                link.connect(str(self._path))
                link.send(message)
        except OSError:
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write(text)
        return len(text)


def system_log(path: Path | None = None) -> Log | None:
    """The system's log, or None if the host has none.

    Args:
        path: its socket (`SOCKET` by default).
    """
    path = path or SOCKET
    return LateLog(cast("TextIO", SyslogStream(path))) if path.is_socket() else None
