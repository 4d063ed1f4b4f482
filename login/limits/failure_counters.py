"""The failures that limits go by, whatever becomes of the database.

Owns: counting in this process alone while the database does not count, with an alarm: what cannot be counted
is never unlimited. Must not know: what the limits are.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from login.attempt_key import AttemptKey
from login.limits.local_failures import LocalFailures
from login.ports import FailureRecord, FailureRecords, Outcome, Threshold
from telemetry import Log

# Seconds for which a store in trouble is left alone: each try may hold a thread until the database gives up.
_BACK_OFF = 5.0


class FailureCounters:
    """A failure store that goes on in this process alone where the shared one is in trouble.

    It raises only where the whole database is away (`stops_all`): no token can be issued then, and a right
    and a wrong password must be answered alike.
    """

    def __init__(
        self,
        store: FailureRecords,
        trouble: type[Exception],
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        log: Log,
    ) -> None:
        """Count in a store.

        Args:
            store: shared by all workers and nodes.
            trouble: what it raises when it cannot read or write.
            clock: seconds since the epoch.
            monotonic: seconds since any moment.
            log: where the alarm goes.
        """
        self._store = store
        self._trouble = trouble
        self._clock = clock
        self._monotonic = monotonic
        self._log = log
        self._local = LocalFailures()
        self._no_reads_until = self._no_writes_until = -_BACK_OFF

    def now(self) -> int:
        """Seconds since the epoch."""
        return int(self._clock())

    def look(
        self, name: bytes, subject: str | None, since: int, thresholds: Sequence[Threshold] = ()
    ) -> tuple[Sequence[FailureRecord], Sequence[int | None]]:
        """As `FailureRecords.look`; from this process alone where the store cannot say.

        Raises:
            Exception: the store's trouble, where the whole database is away: no password is tried.
        """
        if self._monotonic() >= self._no_reads_until:
            try:
                if self._local.is_empty():
                    return self._store.look(name, subject, since, thresholds)
                return self._look(name, subject, since, thresholds)
            except self._trouble as trouble:
                if _stops_all(trouble):
                    raise
                self._no_reads_until = self._monotonic() + _BACK_OFF
                self._alarm("read", trouble)
        return self._local.look(name, subject, since, thresholds)

    def record(self, attempt: AttemptKey, outcome: Outcome) -> int:
        """Write a failure down: in the store, or else in this process. Gives back its number.

        Raises:
            Exception: the store's trouble, where the whole database is away; this process has counted it.
        """
        at = self.now()
        if self._monotonic() >= self._no_writes_until:
            try:
                return self._store.record(at, attempt, outcome)
            except self._trouble as trouble:
                if _stops_all(trouble):
                    self._local.record(at, attempt, outcome)
                    raise
                self._failed_to_write(trouble)
        return self._local.record(at, attempt, outcome)

    def settle(self, number: int, outcome: Outcome) -> None:
        """Write down what came of a try; where the store cannot, it counts as a failure by itself.

        Raises:
            Exception: the store's trouble, where the whole database is away.
        """
        self._change(number, lambda store: store.settle(number, outcome))

    def forget(self, number: int) -> None:
        """Take a record back; where the store cannot, it counts on."""
        # Who takes one back has an outcome already, which no trouble may replace.
        with suppress(self._trouble):
            self._change(number, lambda store: store.forget(number))

    def clear(self, subjects: Sequence[str], since: int) -> None:
        """Mark that the person has logged in since their failures; where the store cannot, they count on.

        Raises:
            Exception: the store's trouble, where the whole database is away.
        """
        self._local.clear(subjects, since)
        self._change(0, lambda store: store.clear(subjects, since))

    def _look(
        self, name: bytes, subject: str | None, since: int, thresholds: Sequence[Threshold]
    ) -> tuple[Sequence[FailureRecord], Sequence[int | None]]:
        mine, _ = self._local.look(name, subject, since)
        # What is counted here makes fewer of the store's enough.
        fewer = [replace(each, nth=max(1, each.nth - self._local.count(each))) for each in thresholds]
        stored, answers = self._store.look(name, subject, since, fewer)
        return [*mine, *stored], answers

    def _change(self, number: int, change: Callable[[FailureRecords | LocalFailures], None]) -> None:
        if number < 0:
            change(self._local)
            return
        if self._monotonic() < self._no_writes_until:
            return
        try:
            change(self._store)
        except self._trouble as trouble:
            if _stops_all(trouble):
                raise
            self._failed_to_write(trouble)

    def _failed_to_write(self, trouble: Exception) -> None:
        self._no_writes_until = self._monotonic() + _BACK_OFF
        self._alarm("written", trouble)

    def _alarm(self, what: str, trouble: Exception) -> None:
        cause = f"failures cannot be {what}, and are counted by each worker for itself: {trouble}"
        self._log.error("counters.unavailable", cause=cause, alarm=True)


def _stops_all(trouble: Exception) -> bool:
    """Whether the whole database is away, and not only the failures in it."""
    return bool(getattr(trouble, "stops_all", False))
