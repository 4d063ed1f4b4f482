"""Waits for a started server, without sleeping longer than necessary."""

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
    """Try to connect until the server accepts a connection.

    Args:
        process: of the server.
        connect: connects and disconnects.
        refused: the exception of `connect` while the server is not ready.
        stop: stops a server that has exited or takes too long.
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
