"""`flask serve` waits for its database, so that an operator may start both in any order."""

import signal
import sys
import time
from collections.abc import Callable

from flask import Flask, current_app

from cli.output import print_line
from cli.schema import bring_up_to_date
from cli.server.build import server_build
from models import StoreUnavailable

# Seconds between two tries, and between two lines with the same cause.
_RETRY_SECONDS, _REPEAT_SECONDS = 1.0, 60.0


def await_database(
    *, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], float] = time.monotonic
) -> Flask:
    """Wait until the database answers and is migrated, and return the application.

    Args:
        sleep: waits for a number of seconds.
        clock: seconds of a monotonic clock.

    Raises:
        CommandRefused: the database answers, but something else is wrong.
    """
    build = server_build(current_app._get_current_object())  # type: ignore[attr-defined] # noqa: SLF001 - Flask's own way
    printed, printed_at = "", 0.0
    while True:
        try:
            app = build()
            with app.app_context():
                bring_up_to_date()
        except StoreUnavailable as error:
            _end_on_sigterm()
            if error.cause != printed or clock() - printed_at >= _REPEAT_SECONDS:
                printed, printed_at = error.cause, clock()
                print_line(f"Waiting for the database, which cannot be used yet: {printed}", err=True)
            sleep(_RETRY_SECONDS)
        else:
            return app


def _end_on_sigterm() -> None:
    """Make SIGTERM end this process also as the first process of a container, which ignores it by default."""
    if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
