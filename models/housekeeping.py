"""What a server does beside its requests: it counts usage, and ends app passwords that are due.

Every worker of every node runs it. Two that do it at the same time do nothing twice: a roll-up counts each
row once, and an app password ends once.
"""

import random
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from models.app_passwords.app_password_store import AppPasswordStore, end_event
from models.base import StoreUnavailable
from models.usage.roll_up import roll_up
from telemetry import Log

SECONDS: Final = 300.0
"""Seconds from one round to the next."""
# Workers that start together do not all begin at the same moment.
_FIRST: Final = (20.0, 80.0)
_NAME: Final = "housekeeping"


class Housekeeping:
    """Runs round after round, in a thread of the process."""

    def __init__(
        self, clock: Callable[[], float], log: Log, context: Callable[[], AbstractContextManager[object]]
    ) -> None:
        """Do nothing yet.

        Args:
            clock: seconds since the epoch.
            log: receives a line for each app password that ended, and for failures.
            context: the context in which a thread may use the database.
        """
        self._clock = clock
        self._log = log
        self._context = context
        self._database_is_away = False

    def start(self) -> None:
        """Start the thread; it ends with the process."""
        threading.Thread(target=self.run, args=(threading.Event().wait,), name=_NAME, daemon=True).start()

    def run(self, wait: Callable[[float], object]) -> None:
        """Do a round now and then, until the process ends.

        Args:
            wait: waits some seconds before the next round; the loop ends if it returns something true.
        """
        pause = random.uniform(*_FIRST)  # noqa: S311 - no secret
        while not wait(pause):
            self._attempt()
            pause = SECONDS

    def do_round(self) -> None:
        """End the app passwords that are due, and count the usage since the last round.

        Raises:
            StoreUnavailable: the rest is done in the next round.
        """
        now = int(self._clock())
        with self._context():
            for ended in AppPasswordStore(self._clock).end_due(now):
                event = end_event(ended, now)
                self._log.info(event.event, **event.facts())
            roll_up(now)

    def _attempt(self) -> None:
        """Do a round, whatever happens. An outage of the database is logged once."""
        try:
            self.do_round()
        except StoreUnavailable as error:
            if not self._database_is_away:
                self._log.warning("database.unavailable", cause=error.cause)
            self._database_is_away = True
            return
        except Exception as error:  # noqa: BLE001 - it is logged
            # Without this thread, app passwords would end late and usage would not be counted.
            self._log.error("unexpected", exc_info=error)
        self._database_is_away = False
