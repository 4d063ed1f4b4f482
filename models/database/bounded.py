"""Connections to PostgreSQL with client-side timeouts.

The server enforces `statement_timeout`, and a frozen server enforces nothing. `tcp_user_timeout` fires only
if the other kernel acknowledges nothing, but the kernel of a frozen server still does. So the client watches
the time itself, and closes the connection.

Owns: how long to wait for a connection, and for an answer on it. Must not know: statements.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from psycopg import Connection, OperationalError
from psycopg.abc import PQGen
from psycopg.errors import ConnectionTimeout, _WaitTimeout
from sqlalchemy import Engine, event

from core.request_deadline import bounded
from models.database.breaker import PROBE_SECONDS, Breaker

RV = TypeVar("RV")

# Seconds between two polls of a silent connection (psycopg's own default).
_INTERVAL = 0.1
# A wait of this many seconds without an answer opens the breaker. If the server was only slow, the next probe
# closes it at once.
_SILENCE = PROBE_SECONDS


class BoundedConnection(Connection[Any]):
    """A connection of psycopg that closes itself when an answer takes too long.

    Nothing is cancelled: the server may still run the statement. So the outcome of a COMMIT without an answer
    is unknown, and the caller must not report success.
    """

    is_bounded = True
    """Whether waits are bounded. A migration has no bound."""
    seconds = 3.0
    """The most seconds to wait for an answer; fewer if the request's deadline is nearer."""

    def wait(self, gen: PQGen[RV], interval: float = _INTERVAL, timeout: float | None = None) -> RV:
        """Wait for an answer, at most until the request's deadline.

        Raises:
            OperationalError: no answer came in time; the connection is closed.
        """
        if not self.is_bounded:
            return super().wait(gen, interval, timeout)
        allowed = bounded(self.seconds)
        try:
            return super().wait(gen, interval, allowed)
        except _WaitTimeout:
            self.pgconn.finish()
            if allowed >= _SILENCE:
                self.went_silent()
            raise OperationalError(f"the database did not answer within {allowed:.3g} s") from None

    def went_silent(self) -> None:
        """Called when a long wait had no answer. `bound_waits` replaces it."""


def bound_waits(engine: Engine, seconds: float, *, opened: Callable[[BoundedConnection], None]) -> None:
    """Bound the waits of every connection of an engine, under a circuit breaker.

    Args:
        engine: an engine of PostgreSQL, before its first connection.
        seconds: the timeout of a new connection, and of each answer.
        opened: is called with each new connection.
    """
    breaker = Breaker()

    def went_silent() -> None:
        breaker.trip()
        # Idle connections went to the same server. Without them the next request meets the breaker.
        engine.dispose()

    @event.listens_for(engine, "do_connect")
    def connect(
        _dialect: object, _entry: object, given: Sequence[Any], options: Mapping[str, Any]
    ) -> BoundedConnection:
        is_probe = breaker.admit()
        allowed = bounded(PROBE_SECONDS if is_probe else seconds)
        try:
            made = _within(allowed, lambda: BoundedConnection.connect(*given, **options))
            made.seconds = seconds
            made.went_silent = went_silent  # type: ignore[method-assign]
            _show(made, opened)
        except (_NotConnected, ConnectionTimeout):
            if allowed >= _SILENCE:
                breaker.trip()
            breaker.failed()
            raise
        except BaseException:
            breaker.failed()
            raise
        breaker.answered()
        return made


def _show(made: BoundedConnection, opened: Callable[[BoundedConnection], None]) -> None:
    try:
        opened(made)
    except BaseException:
        made.close()
        raise


class _NotConnected(OperationalError):
    """No connection was established in time."""


def _within(seconds: float, connect: Callable[[], BoundedConnection]) -> BoundedConnection:
    """Connect in another thread: the DNS look-up of the server has no timeout of its own."""
    made: SimpleQueue[BoundedConnection | BaseException] = SimpleQueue()
    hand_over, is_late = threading.Lock(), threading.Event()

    def work() -> None:
        outcome: BoundedConnection | BaseException
        try:
            outcome = connect()
        except BaseException as error:  # noqa: BLE001 - the waiting thread raises it
            outcome = error
        with hand_over:
            if is_late.is_set() and isinstance(outcome, BoundedConnection):
                outcome.close()
            else:
                made.put(outcome)

    threading.Thread(target=work, name="database connection", daemon=True).start()
    try:
        outcome = made.get(timeout=seconds)
    except Empty:
        with hand_over:
            is_late.set()
            if made.empty():
                raise _NotConnected(f"no connection to the database within {seconds:.3g} s") from None
            outcome = made.get()
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome
