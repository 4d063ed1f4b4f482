"""A store of failed logins in memory."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from login.ports import PENDING, AttemptKey, FailureRecord, Outcome, Threshold


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure."""

    id: int
    at: int
    attempt: AttemptKey
    outcome: Outcome
    cleared: bool = False

    @property
    def client_id(self) -> str:
        """The client."""
        return self.attempt.client_id

    @property
    def reason(self) -> str:
        """Why it was refused."""
        return self.outcome.reason

    @property
    def is_new_password(self) -> bool:
        """Whether it was a guess."""
        return self.outcome.is_new_password

    @property
    def tried(self) -> bool:
        """Whether a bind was made."""
        return self.outcome.tried

    @property
    def pending(self) -> bool:
        """Whether its outcome is not recorded yet."""
        return self.outcome.reason == PENDING


class MemoryFailures:
    """The failures in `rows`, oldest first."""

    def __init__(self) -> None:
        self.rows: list[Failure] = []
        self._next = 1
        self._lock = threading.Lock()

    def look(
        self, name: bytes, subject: str | None, since: int, thresholds: Sequence[Threshold] = ()
    ) -> tuple[Sequence[FailureRecord], Sequence[int | None]]:
        """As `FailureRecords` has it."""
        with self._lock:
            rows = list(reversed(self.rows))
        mine = [row for row in rows if row.at > since and _is_of(row, name, subject)]
        return mine, [self._nth(rows, each) for each in thresholds]

    def record(self, at: int, attempt: AttemptKey, outcome: Outcome) -> int:
        """As `FailureRecords` has it."""
        with self._lock:
            number, self._next = self._next, self._next + 1
            self.rows.append(Failure(number, at, attempt, outcome))
        return number

    def settle(self, number: int, outcome: Outcome) -> None:
        """As `FailureRecords` has it."""
        self._change({number}, outcome=outcome)

    def forget(self, number: int) -> None:
        """As `FailureRecords` has it."""
        with self._lock:
            self.rows = [row for row in self.rows if row.id != number]

    def clear(self, subjects: Sequence[str], since: int) -> None:
        """As `FailureRecords` has it."""
        with self._lock:
            numbers = {row.id for row in self.rows if row.at > since and row.outcome.subject in subjects}
        self._change(numbers, cleared=True)

    def _change(self, numbers: set[int], **changes: Any) -> None:
        with self._lock:
            self.rows = [replace(row, **changes) if row.id in numbers else row for row in self.rows]

    @staticmethod
    def _nth(rows: Sequence[Failure], asked: Threshold) -> int | None:
        found = _matching(rows, asked)
        return found[asked.nth - 1].at if len(found) >= asked.nth > 0 else None


def _matching(rows: Sequence[Failure], asked: Threshold) -> list[Failure]:
    return [
        row
        for row in rows
        if row.is_new_password
        and row.at > asked.since
        and asked.client_id in {None, row.client_id}
        and asked.address in {None, row.attempt.address}
    ]


def _is_of(row: Failure, name: bytes, subject: str | None) -> bool:
    return row.attempt.name == name or (subject is not None and row.outcome.subject == subject)
