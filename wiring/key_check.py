"""A worker's check of its keys against the database, which may be away when the worker starts."""

import threading
from collections.abc import Callable

from flask import Flask, request

from models import StoreUnavailable
from settings.keyring import KeyRing, KeyringError
from telemetry import Log
from wiring.keys import require_keys

# Seconds between two tries: the first, doubled up to the longest.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_ALIVE = "health.healthz"


class KeyCheck:
    """Keeps an application closed until the database confirms that no server key is missing.

    A closed application answers every request but `/healthz` as if the database were away: under unchecked
    keys, no secret is accepted and no token is issued or called active. An open one costs a request nothing.
    """

    def __init__(self, app: Flask, ring: KeyRing, log: Log, clock: Callable[[], float]) -> None:
        """Check nothing yet.

        Args:
            app: the application, which has served no request.
            ring: the server's keys.
            log: reports a missing key.
            clock: seconds since the epoch.
        """
        self._app = app
        self._ring = ring
        self._log = log
        self._clock = clock
        self._opened = threading.Event()

    def begin(self) -> None:
        """Check now. If the database is away, close the application and try again in a thread.

        Raises:
            KeyringError: the database answers, and a key is missing.
        """
        try:
            self._check()
        except StoreUnavailable as error:
            self._log.error("database.unavailable", cause=error.cause)
            self._app.before_request(self._refuse)
            threading.Thread(target=self._go_on, name="key check", daemon=True).start()

    def wait(self, seconds: float) -> bool:
        """Wait until the application is open again. False if it is not in time."""
        return self._opened.wait(seconds)

    def _check(self) -> None:
        with self._app.app_context():
            require_keys(self._ring, int(self._clock()))

    def _go_on(self) -> None:
        pause = _FIRST_PAUSE
        # Only this thread sets the event, so waiting for it is the pause.
        while not self._opened.wait(pause):
            try:
                self._check()
            except StoreUnavailable:
                pause = min(2 * pause, _LONGEST_PAUSE)
            except KeyringError as error:
                self._log.error("keys.missing", cause=str(error), alarm=True)
                pause = _LONGEST_PAUSE
            except Exception as error:  # noqa: BLE001 - without this thread the application would stay closed
                self._log.error("unexpected", exc_info=error)
                pause = _LONGEST_PAUSE
            else:
                self._open()

    def _open(self) -> None:
        # Without an entry, a machine endpoint has nothing to run before its view (`web.Application`).
        hooks = self._app.before_request_funcs
        hooks[None].remove(self._refuse)
        if not hooks[None]:
            del hooks[None]
        self._opened.set()
        self._log.info("database.good")

    def _refuse(self) -> None:
        if request.endpoint != _ALIVE:
            raise StoreUnavailable("the server's keys could not be checked against the database yet")
