"""`flask serve` waits for its database: whoever starts both at once has no order to keep."""

import signal
import sys
import time
from collections.abc import Callable
from typing import cast

from flask import Flask, current_app

from cli.output import Refused, print_line
from models import StoreUnavailable, is_current, migrate

BUILD = "netid-oauth-build"
# Seconds between two tries, and between two lines that say the same.
_PAUSE, _REMIND = 1.0, 60.0


def await_database(
    *, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], float] = time.monotonic
) -> Flask:
    """The application, whose database answers and is migrated; waits until it is so.

    Args:
        sleep: waits for so many seconds.
        clock: seconds of a monotonic clock.

    Raises:
        Refused: the database answers, and something else is wrong.
    """
    build = cast("Callable[[], Flask]", current_app.extensions.get(BUILD, current_app._get_current_object))  # type: ignore[attr-defined] # noqa: SLF001 - Flask's own way
    said, said_at = "", 0.0
    while True:
        try:
            app = build()
            with app.app_context():
                _migrate()
        except StoreUnavailable as error:
            _end_when_told()
            if error.cause != said or clock() - said_at >= _REMIND:
                said, said_at = error.cause, clock()
                print_line(f"Waiting for the database, which cannot be used yet: {said}", err=True)
            sleep(_PAUSE)
        else:
            return app


def _migrate() -> None:
    if is_current():
        return
    try:
        migrate()
    except SystemExit:
        # Flask-Migrate would leave without a word to the operator.
        raise Refused("The database cannot be migrated: is it that of a newer release?") from None


def _end_when_told() -> None:
    """Have SIGTERM end this process also where it is the first one of a container, which has no default."""
    if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
