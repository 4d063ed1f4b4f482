"""Checks after the start that the directory's settings find users.

Owns: that the check runs in the background, that its fault is logged once and degrades `/readyz`, and that it
is repeated until it succeeds. Must not know: what is checked.
"""

import threading
from collections.abc import Callable
from typing import Final

from directory import Directory, DirectoryUnavailable
from telemetry import Log

_RETRY_SECONDS: Final = 60.0


class DirectoryCheck:
    """One check of the directory's settings. Without `begin` it finds no fault."""

    NAME: Final = "directory_check"

    def __init__(self, directory: Directory, log: Log) -> None:
        """Check nothing yet.

        Args:
            directory: the directory.
            log: receives a fault, and its end.
        """
        self._directory = directory
        self._log = log
        self._fault: DirectoryUnavailable | None = None

    def begin(self) -> threading.Thread:
        """Run the check in a thread of its own: the server starts although the directory is away or wrong."""
        wait = threading.Event().wait
        thread = threading.Thread(target=self.run, args=(wait,), name="check of the directory", daemon=True)
        thread.start()
        return thread

    def run(self, wait: Callable[[float], object]) -> None:
        """Check until the settings are good. A directory that is away is checked when it is back.

        Args:
            wait: waits some seconds before the next try.
        """
        while not self._passes():
            wait(_RETRY_SECONDS)

    def require_good(self) -> None:
        """Raise the fault that the last check found, if any.

        Raises:
            DirectoryUnavailable: no login works with these settings.
        """
        if self._fault is not None:
            raise self._fault

    def _passes(self) -> bool:
        try:
            self._directory.check_settings()
        except DirectoryUnavailable as failure:
            # Without an alarm the directory is only away, which other events and `/readyz` report.
            if failure.alarm:
                if self._fault is None or self._fault.cause != failure.cause:
                    self._log.error("directory.settings_wrong", cause=failure.cause, alarm=True)
                self._fault = failure
            return False
        if self._fault is not None:
            self._log.info("directory.settings_good")
        self._fault = None
        return True
