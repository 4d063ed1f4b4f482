"""One attempt on its way to the directory and back: what is counted before, between and after."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from directory import Account, InvalidCredentials, LockoutStatus, Person, Refusal
from login.attempt_key import AttemptKey
from login.concurrency.per_person import Permit, PerPersonConcurrency
from login.limits.failure_counters import FailureCounters
from login.limits.recent_failures import RecentFailures
from login.limits.throttle import Throttle
from login.limits.throttled import Throttled
from login.lockout_protection import LockoutProtection
from login.ports import PENDING, FailureRecord, Outcome
from login.refused_passwords import SECONDS, RefusedPasswordCache, certain_state


@dataclass(frozen=True, slots=True)
class Means:
    """What a trial works with."""

    counters: FailureCounters
    throttle: Throttle
    turns: PerPersonConcurrency
    shield: LockoutProtection
    memory: RefusedPasswordCache
    suspects: RecentFailures


class LoginAttempt:
    """An attempt, which holds its turn from its first look at the failures on.

    A person without recent failures costs one read, and no write. After a failure each further try is written
    down before it is made, so that tries of all workers and nodes are counted while they are under way.
    """

    def __init__(self, attempt: AttemptKey, password: str, means: Means) -> None:
        """Begin.

        Args:
            attempt: what it is counted by.
            password: as typed.
            means: what it works with.
        """
        self._attempt = attempt
        self._password = password
        self._means = means
        # What the failures were looked for by: it may be a guess from an earlier attempt under the name.
        self._subject: str | None = None
        # Whose account was shown; None where none was.
        self._shown: str | None = None
        self._mine: list[Permit] = []
        self._own: int | None = None
        self._past: Sequence[FailureRecord] = ()
        self._account: Account | None = None
        self._is_remembered = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for turn in self._mine:
            turn.end()

    def look_ahead(self) -> None:
        """Refuse what is over a limit before the directory is asked, where this process has a suspicion.

        Raises:
            Throttled: it is.
            DirectoryUnavailable: as `admit` has it.
        """
        means, attempt = self._means, self._attempt
        sees_accounts = means.shield.sees_accounts
        if sees_accounts and attempt.name not in means.suspects and not means.throttle.doubts(attempt):
            return
        self._look(means.suspects.subject_of(attempt.name))
        if not sees_accounts and self._has_failed_of_late():
            self._write_down()
            self._shield(None)

    def admit(self, account: Account) -> None:
        """Refuse what need not be tried, or must not, now that it is known whose name it is.

        Raises:
            Throttled: it is over a limit, or could be one of the last failures before a lock.
            InvalidCredentials: the same password was refused a moment ago, and nothing has changed since.
            DirectoryUnavailable: others of this person are under way, and take too long; or nobody can say
                how the account stands.
        """
        subject = self._shown = account.person_id
        if not self._mine:
            self._look(subject)
        elif subject != self._subject:
            # Another spelling, or another name, of somebody who may have failures under the first.
            self._means.suspects.add(self._attempt.name, subject)
            self._look(subject)
        self._account = account
        if not self._has_failed_of_late():
            return
        self._refuse_remembered(account, subject)
        self._write_down()
        self._shield(account)

    def refused(self, refusal: InvalidCredentials) -> None:
        """Count a refusal, whatever its reason: one that did not count would tell itself apart.

        Raises:
            Throttled: no account was shown, and one that had been would not have been tried.
            DirectoryUnavailable: as `admit` has it.
        """
        means, attempt = self._means, self._attempt
        if not self._mine:
            # Nobody's name, or an entry that shows its refusal: it meets the limits no later than others.
            self._look(refusal.person_id)
        subject = refusal.person_id or self._subject
        means.suspects.add(attempt.name, subject)
        whose = subject or f"name:{attempt.name.hex()}"
        tag = means.memory.tag(whose, self._password)
        known = means.memory.of(whose) if self._has_failed_of_late() else ()
        repeated = any(each.tag == tag for each in known)
        if self._account is None and means.shield.sees_accounts:
            means.shield.judge_nobody(self._past, means.counters.now(), repeated=repeated)
        untried = self._is_remembered or (self._account is None and repeated and means.shield.remembers)
        owner = self._owner(refusal.person_id)
        outcome = Outcome(refusal.reason.value, owner, guess=not repeated, tried=not untried)
        # Before it is written down: whatever becomes of that, this process counts anew.
        means.throttle.failed(attempt)
        if self._own is None:
            means.counters.record(attempt, outcome)
        else:
            means.counters.settle(self._own, outcome)
        if not self._is_remembered:
            certain = refusal.reason is Refusal.WRONG_PASSWORD
            state = certain_state(self._account) if certain else b""
            means.memory.remember(whose, attempt.client_id, tag, state)

    def undo(self) -> None:
        """Count nothing: nobody has said anything about the password."""
        if self._own is not None:
            self._means.counters.forget(self._own)

    def succeeded(self, person: Person) -> None:
        """Empty the person's short counts, if there is anything in them.

        Raises:
            Throttled: no account was shown, and one that had been would not have been tried.
            DirectoryUnavailable: as `admit` has it.
        """
        if not self._mine:
            # Nobody passes unseen, whatever the directory shows.
            self._look(person.id)
        for turn in self._mine:
            turn.was_right = True
        self.undo()
        if self._has_failed_of_late():
            mine = [person.id, *([self._attempt.spelling] if self._attempt.spelling else [])]
            self._means.counters.clear(mine, 0)

    def _look(self, subject: str | None) -> None:
        """Take a turn, so that what came of those before is counted, and look."""
        means, name = self._means, self._attempt.name
        key = name if subject is None else subject.encode()
        self._mine.append(means.turns.one(key, self._password))
        self._subject = subject
        try:
            self._past = means.throttle.look(self._attempt, subject)
        except Throttled:
            means.suspects.add(name, subject)
            raise

    def _refuse_remembered(self, account: Account, subject: str) -> None:
        state = account.state
        if not state or not any(each.at > self._means.counters.now() - SECONDS for each in self._past):
            return
        tag = self._means.memory.tag(subject, self._password)
        if any(each.tag == tag and each.state == state for each in self._means.memory.of(subject)):
            self._is_remembered = True
            raise InvalidCredentials(Refusal.WRONG_PASSWORD, "remembered: the same was refused before")

    def _write_down(self) -> None:
        for turn in self._mine:
            turn.follow_others()
        self._own = self._means.counters.record(self._attempt, Outcome(PENDING, self._owner()))
        self._past = self._means.throttle.look(self._attempt, self._subject, own=self._own)

    def _owner(self, refused: str | None = None) -> str | None:
        """Whose failure this is, for certain: a person's id, or what stands for the name as it was typed.

        An id from an earlier attempt under the name will not do. It may be that of another person, whose
        name folds alike, and whose next login would clear the failure.

        Args:
            refused: the stable id that the refusal names, if it does.
        """
        return refused or self._shown or self._attempt.spelling

    def _shield(self, account: Account | None) -> None:
        shield, now = self._means.shield, self._means.counters.now()
        if shield.is_needed(self._past, now):
            lockout_status = LockoutStatus() if account is None else account.lockout_status()
            shield.judge(
                self._past, lockout_status, now, remembers=account is not None and bool(account.state)
            )

    def _has_failed_of_late(self) -> bool:
        return bool(self._past) and not all(each.cleared for each in self._past)
