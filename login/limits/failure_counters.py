"""The store of failures as logins use it: no password is tried that could not be counted.

Owns: what follows where the store is away. Must not know: what the limits are.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

from login.ports import AttemptKey, FailureRecord, FailureRecords, Outcome, Threshold
from telemetry import Log

_READ, _WRITTEN = "read", "written"


class FailureCounters:
    """Reads and records failures. Where the store is away, it raises what the store raises: a 503.

    Then a right password would gain nothing, because no token is issued without the database. After a failed
    write, `must_record_first` holds until a write succeeds.
    """

    def __init__(
        self,
        store: FailureRecords,
        trouble: type[Exception],
        *,
        clock: Callable[[], float],
        log: Log,
    ) -> None:
        """Take the store.

        Args:
            store: shared by all workers and nodes.
            trouble: the exception that it raises when it cannot read or write.
            clock: seconds since the epoch.
            log: receives the alarm.
        """
        self._store = store
        self._trouble = trouble
        self._clock = clock
        self._log = log
        self._failing: set[str] = set()
        # Of these, the operations whose failure raised an alarm.
        self._alarmed: set[str] = set()

    def now(self) -> int:
        """Seconds since the epoch."""
        return int(self._clock())

    @property
    def must_record_first(self) -> bool:
        """Whether an attempt must be recorded before its bind, because the last write failed."""
        return _WRITTEN in self._failing

    def look(
        self, name: bytes, subject: str | None, since: int, thresholds: Sequence[Threshold] = ()
    ) -> tuple[Sequence[FailureRecord], Sequence[int | None]]:
        """As `FailureRecords.look`.

        Raises:
            Exception: the store's own; no password is tried.
        """
        try:
            found = self._store.look(name, subject, since, thresholds)
        except self._trouble as trouble:
            self._failed(_READ, trouble)
            raise
        if self._failing:
            self._works(_READ)
        return found

    def record(self, attempt: AttemptKey, outcome: Outcome) -> int:
        """Record a failure, and return its number.

        Raises:
            Exception: the store's own.
        """
        try:
            number = self._store.record(self.now(), attempt, outcome)
        except self._trouble as trouble:
            self._failed(_WRITTEN, trouble)
            raise
        if self._failing:
            self._works(_WRITTEN)
        return number

    def settle(self, number: int, outcome: Outcome) -> None:
        """Record the outcome of an attempt that was recorded before its bind.

        If this fails, the record counts as a failure.

        Raises:
            Exception: the store's own.
        """
        self._store.settle(number, outcome)

    def forget(self, number: int) -> None:
        """Delete the record of an attempt that is no failure. If this fails, the record goes on to count."""
        # The attempt has an outcome already, which no trouble may replace.
        with suppress(self._trouble):
            self._store.forget(number)

    def clear(self, subjects: Sequence[str], since: int) -> None:
        """Mark the failures of a person since a time as followed by a success.

        Raises:
            Exception: the store's own.
        """
        self._store.clear(subjects, since)

    def _works(self, what: str) -> None:
        self._failing.discard(what)
        self._alarmed.discard(what)

    def _failed(self, what: str, trouble: Exception) -> None:
        """Raise the alarm once, but not while the whole database is away: that has an alarm of its own."""
        self._failing.add(what)
        if what not in self._alarmed and not getattr(trouble, "stops_all", False):
            self._alarmed.add(what)
            cause = f"failures cannot be {what}, so that no password is tried: {trouble}"
            self._log.error("counters.unavailable", cause=cause, alarm=True)
