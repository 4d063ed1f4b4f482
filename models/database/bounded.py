"""Connections to PostgreSQL whose every wait ends on our side.

`statement_timeout` is enforced by the server, and a server that is frozen enforces nothing.
`tcp_user_timeout` fires only where the other side's kernel acknowledges nothing, and that of a frozen server
does. So we watch the time ourselves, and give the connection up.

Owns: how long a connection is waited for, and an answer on it. Must not know: what is asked.
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

# Seconds between two looks at a connection on which nothing comes (psycopg's own choice).
_INTERVAL = 0.1
# A wait of so many seconds without an answer opens the breaker. If the server was only slow, the probe, which
# comes next, closes it at once.
_SILENCE = PROBE_SECONDS


class BoundedConnection(Connection[Any]):
    """A connection of psycopg that closes itself when an answer takes too long.

    Nothing is cancelled, and the server may still do what it was asked: whether a COMMIT that had no answer
    was done is unknown. Who asked must say so, and never that it was done.
    """

    is_bounded = True
    """Whether the time is watched. A migration may take as long as it does."""
    seconds = 3.0
    """How long an answer may take, where the request has that long."""

    def wait(self, gen: PQGen[RV], interval: float = _INTERVAL, timeout: float | None = None) -> RV:
        """Wait for an answer, no longer than the request may.

        Raises:
            OperationalError: there was none in time; the connection is closed.
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
        """Be told that a long wait had no answer: `bound_waits` listens here."""


def bound_waits(engine: Engine, seconds: float, *, opened: Callable[[BoundedConnection], None]) -> None:
    """Make every connection of an engine one whose waits end, under a breaker.

    Args:
        engine: of PostgreSQL, before its first connection.
        seconds: how long a connection, or an answer on one, may take.
        opened: is shown each new connection.
    """
    breaker = Breaker()

    def went_silent() -> None:
        breaker.trip()
        # The idle ones went to the same server. Without them whoever comes next meets the breaker.
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
    """No connection came about in time."""


def _within(seconds: float, connect: Callable[[], BoundedConnection]) -> BoundedConnection:
    """Connect in another thread: the look-up of the server's name has no bound of its own."""
    made: SimpleQueue[BoundedConnection | BaseException] = SimpleQueue()
    hand_over, is_late = threading.Lock(), threading.Event()

    def work() -> None:
        outcome: BoundedConnection | BaseException
        try:
            outcome = connect()
        except BaseException as error:  # noqa: BLE001 - it is raised where the connection was asked for
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
