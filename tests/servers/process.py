"""Waiting for a server that was started, without sleeping longer than it takes."""

import subprocess
import time
from collections.abc import Callable

_START_SECONDS = 20
_PAUSE_SECONDS = 0.02


def await_start(
    process: subprocess.Popen[bytes],
    connect: Callable[[], object],
    refused: type[Exception],
    stop: Callable[[], None],
) -> None:
    """Try to connect until the server takes it.

    Args:
        process: the server's.
        connect: connects and lets go.
        refused: what `connect` raises while the server is not there yet.
        stop: ends the server, where it ended itself or took too long.
    """
    until = time.monotonic() + _START_SECONDS
    while True:
        try:
            connect()
        except refused:
            if process.poll() is not None or time.monotonic() > until:
                stop()
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            return
