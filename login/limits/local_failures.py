"""Failures in the memory of this process, for while the database does not take them."""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from login.attempt_key import AttemptKey
from login.ports import PENDING, FailureRecord, Outcome, Threshold

_MOST = 10_000


@dataclass(frozen=True, slots=True)
class _Local:
    id: int
    at: int
    attempt: AttemptKey
    outcome: Outcome
    cleared: bool = False

    @property
    def client_id(self) -> str:
        return self.attempt.client_id

    @property
    def is_new_password(self) -> bool:
        return self.outcome.is_new_password

    @property
    def tried(self) -> bool:
        return self.outcome.tried

    @property
    def pending(self) -> bool:
        return self.outcome.reason == PENDING


class LocalFailures:
    """A failure store of one process; the oldest go first.

    Its numbers go on by `step` from there: those of a database are above zero.
    """

    def __init__(self, step: int = -1) -> None:
        self._rows: deque[_Local] = deque(maxlen=_MOST)
        self._step = self._next = step
        self._lock = threading.Lock()

    def is_empty(self) -> bool:
        """Whether there is nothing to look for."""
        return not self._rows

    def look(
        self, name: bytes, subject: str | None, since: int, thresholds: Sequence[Threshold] = ()
    ) -> tuple[Sequence[FailureRecord], Sequence[int | None]]:
        """As the store's own."""
        with self._lock:
            rows = list(reversed(self._rows))
        mine = [row for row in rows if row.at > since and _is_of(row, name, subject)]
        return mine, [self._nth(rows, each) for each in thresholds]

    def count(self, asked: Threshold) -> int:
        """How many guesses there are since the moment that a threshold names."""
        with self._lock:
            rows = list(self._rows)
        return len(_matching(rows, asked))

    def record(self, at: int, attempt: AttemptKey, outcome: Outcome) -> int:
        """As the store's own."""
        with self._lock:
            number, self._next = self._next, self._next + self._step
            self._rows.append(_Local(number, at, attempt, outcome))
        return number

    def settle(self, number: int, outcome: Outcome) -> None:
        """As the store's own."""
        self._change({number}, outcome=outcome)

    def forget(self, number: int) -> None:
        """As the store's own."""
        with self._lock:
            self._rows = deque((row for row in self._rows if row.id != number), _MOST)

    def clear(self, subjects: Sequence[str], since: int) -> None:
        """As the store's own."""
        with self._lock:
            numbers = {row.id for row in self._rows if row.at > since and row.outcome.subject in subjects}
        self._change(numbers, cleared=True)

    def _change(self, numbers: set[int], **changes: object) -> None:
        with self._lock:
            changed = (
                replace(row, **changes) if row.id in numbers else row  # type: ignore[arg-type]
                for row in self._rows
            )
            self._rows = deque(changed, _MOST)

    @staticmethod
    def _nth(rows: Sequence[_Local], asked: Threshold) -> int | None:
        found = _matching(rows, asked)
        return found[asked.nth - 1].at if len(found) >= asked.nth > 0 else None


def _matching(rows: Sequence[_Local], asked: Threshold) -> list[_Local]:
    return [
        row
        for row in rows
        if row.is_new_password
        and row.at > asked.since
        and asked.client_id in {None, row.client_id}
        and asked.address in {None, row.attempt.address}
    ]


def _is_of(row: _Local, name: bytes, subject: str | None) -> bool:
    return row.attempt.name == name or (subject is not None and row.outcome.subject == subject)
