"""One attempt on its way to the directory and back: what is counted before, between and after."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Final, Self

from directory import Account, InvalidCredentials, Person
from login.attempt import Attempt
from login.counters import Counters
from login.ports import Outcome, Past
from login.throttle import Throttle
from login.turns import Turn, Turns

PENDING: Final = "pending"


class Trial:
    """An attempt that holds its turn.

    A person without recent failures costs one read, and no write. After a failure each further try is written
    down before it is made, so that tries of all workers and nodes are counted while they are under way.
    """

    def __init__(
        self,
        attempt: Attempt,
        subject: str | None,
        *,
        counters: Counters,
        throttle: Throttle,
        turns: Turns,
        learn: Callable[[bytes, str], None],
    ) -> None:
        """Begin.

        Args:
            attempt: what it is counted by.
            subject: whose stable id the name has meant before, if that is known.
            counters: where failures are counted.
            throttle: the limits.
            turns: who else of this process is under way.
            learn: is told whose stable id a name means.
        """
        self._attempt = attempt
        self._subject = subject
        self._counters = counters
        self._throttle = throttle
        self._turns = turns
        self._learn = learn
        self._held = ExitStack()
        self._mine: list[Turn] = []
        self._own: int | None = None
        self._past: Sequence[Past] = ()

    def __enter__(self) -> Self:
        key = self._attempt.name if self._subject is None else self._subject.encode()
        self._take_turn(key)
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def look(self) -> None:
        """Refuse what is over a limit, before the directory is asked.

        Raises:
            Throttled: it is.
        """
        self._past = self._throttle.look(self._attempt, self._subject)

    def admit(self, account: Account) -> None:
        """Refuse what is over a limit now that it is known whose name it is, before a password is tried.

        Raises:
            Throttled: it is.
            DirectoryUnavailable: others of this person are under way, and take too long.
        """
        subject = account.person_id
        if subject != self._subject:
            # Another spelling, or another name, of somebody who may have failures under the first.
            self._learn(self._attempt.name, subject)
            self._take_turn(subject.encode())
            self._subject = subject
            self.look()
        if any(not each.cleared for each in self._past):
            for turn in self._mine:
                turn.follow_others()
            self._own = self._counters.record(self._attempt, Outcome(PENDING, subject))
            self._past = self._throttle.look(self._attempt, subject, own=self._own)

    def refused(self, refusal: InvalidCredentials) -> None:
        """Count a refusal, whatever its reason: one that did not count would tell itself apart."""
        outcome = Outcome(refusal.reason.value, refusal.person_id or self._subject)
        if self._own is None:
            self._counters.record(self._attempt, outcome)
        else:
            self._counters.settle(self._own, outcome)
        self._throttle.failed(self._attempt)

    def undo(self) -> None:
        """Count nothing: nobody has said anything about the password."""
        if self._own is not None:
            self._counters.forget(self._own)

    def succeeded(self, person: Person) -> None:
        """Empty the person's short counts, if there is anything in them."""
        self.undo()
        if any(not each.cleared for each in self._past):
            self._counters.clear(self._attempt.name, person.id, 0)

    def _take_turn(self, key: bytes) -> None:
        self._mine.append(self._held.enter_context(self._turns.one(key)))
