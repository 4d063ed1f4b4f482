"""One login attempt, and its records before, during and after the bind."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from directory import Account, InvalidCredentials, LockoutStatus, Person, Refusal
from login.concurrency import Permit, PerPersonConcurrency
from login.limits.failure_counters import FailureCounters
from login.limits.limits import Throttled
from login.limits.throttle import RecentFailures, Throttle
from login.lockout_protection import LockoutProtection
from login.ports import PENDING, AttemptKey, FailureRecord, Outcome, RefusedPasswordRecord
from login.refused_passwords import (
    SECONDS,
    RefusedPasswordCache,
    accepted_fingerprint,
    certain_fingerprint,
    is_held,
)

# Refusals that a client must not tell apart by repeating the password.
_ALIKE = frozenset({Refusal.WRONG_PASSWORD, Refusal.NOT_ALLOWED})


@dataclass(frozen=True, slots=True)
class LoginParts:
    """The parts that all attempts of this process share."""

    counters: FailureCounters
    throttle: Throttle
    concurrency: PerPersonConcurrency
    protection: LockoutProtection
    refused: RefusedPasswordCache
    recent: RecentFailures


class LoginAttempt:
    """An attempt, as a context manager: it counts the refusal that leaves its block.

    It holds a permit of its person from its first read of the failures on. A person without recent failures
    costs one read, and no write. After a failure, each further attempt is recorded before its bind, so that
    all workers and nodes count attempts that are still under way. So is each attempt after a failed write.
    """

    def __init__(self, key: AttemptKey, password: str, parts: LoginParts) -> None:
        """Begin.

        Args:
            key: what the attempt is counted by.
            password: as typed.
            parts: the shared parts.
        """
        self._key = key
        self._password = password
        self._parts = parts
        # The person whose failures were read; only likely if an earlier attempt under the name found them.
        self._subject: str | None = None
        # The person of the account that was found; None where none was.
        self._found_id: str | None = None
        self._account: Account | None = None
        self._permits: list[Permit] = []
        # Number of the record that was written before the bind.
        self._own_record: int | None = None
        self._failures: Sequence[FailureRecord] = ()
        self._is_refused_from_cache = False
        # The directory accepted the password minutes ago, and a rule refused the person.
        self._is_known_right = False
        # Earlier refusals of the same password, where the entry does not show when its password changed.
        self._uncertain: Sequence[RefusedPasswordRecord] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        try:
            if isinstance(error, InvalidCredentials):
                self._count(error)
            elif error is not None:
                # Nothing is known about the password.
                self._delete_record()
        finally:
            for permit in self._permits:
                permit.end()

    def refuse_early(self) -> None:
        """Refuse what is over a limit before the directory is asked, if this process has reason to doubt.

        Where the directory shows no account before the bind, this is the only chance.

        Raises:
            Throttled: a limit is reached.
            InvalidCredentials: the same client's bind with the same password was refused minutes ago.
            DirectoryUnavailable: other logins of the same person take too long.
        """
        parts, key = self._parts, self._key
        sees_accounts = parts.protection.sees_accounts
        if sees_accounts and key.name not in parts.recent and not parts.throttle.must_recheck(key):
            return
        self._read_failures(parts.recent.subject_of(key.name))
        if not sees_accounts and self._must_record_first():
            self._refuse_repetition(None)
            self._record_before_bind()
            self._protect(None)

    def judge(self, account: Account) -> None:
        """Refuse a password that need not be tried, or must not, now that the person is known.

        Args:
            account: that the login name leads to.

        Raises:
            Throttled: a limit is reached, or this could be one of the last failures before a lock.
            InvalidCredentials: the same password was refused minutes ago. Nothing has changed since, or the
                entry would not show it and the same client's bind is less than five minutes ago.
            DirectoryUnavailable: other logins of the same person take too long, or the directory cannot say
                how near the account is to being locked.
        """
        subject = self._found_id = account.person_id
        if not self._permits:
            self._read_failures(subject)
        elif subject != self._subject:
            # The name is another spelling, or another name, of a person who may have failures.
            self._parts.recent.add(self._key.name, subject)
            self._read_failures(subject)
        self._account = account
        if not self._must_record_first():
            return
        self._refuse_repetition(account)
        # A bind with the right password adds no failure to the directory's count.
        if not self._is_known_right:
            self._record_before_bind()
            self._protect(account)

    def succeeded(self, person: Person) -> None:
        """Clear the person's recent failures, if there are any.

        Args:
            person: who logged in.

        Raises:
            Throttled: the directory showed no account, and the person is over a limit.
            DirectoryUnavailable: other logins of the same person take too long.
        """
        if not self._permits:
            # The directory showed no account, though it should have: the limits still apply.
            self._read_failures(person.id)
        for permit in self._permits:
            permit.was_right = True
        self._delete_record()
        if self._has_recent_failures():
            own = [person.id, *([self._key.spelling] if self._key.spelling else [])]
            self._parts.counters.clear(own, 0)

    def _count(self, refusal: InvalidCredentials) -> None:
        """Count a refusal, whatever its reason: a refusal that is not counted would be distinguishable.

        Raises:
            Throttled: no account was found, and an account in its place would not have been tried.
            DirectoryUnavailable: other logins of the same person take too long.
        """
        parts, key = self._parts, self._key
        if not self._permits:
            # An unknown name, or a refusal by the entry: it meets the same limits, and no later.
            self._read_failures(refusal.person_id)
        subject = refusal.person_id or self._subject
        parts.recent.add(key.name, subject)
        owner = self._owner_of_password(subject)
        same = parts.refused.same(owner, self._password) if self._has_recent_failures() else ()
        if self._account is None and parts.protection.sees_accounts:
            same = self._judge_unknown(owner, same)
        is_known = self._is_refused_from_cache or (
            self._is_known_right and refusal.reason is Refusal.NOT_ALLOWED
        )
        owner_of_failure = self._owner_of_failure(refusal.person_id)
        outcome = Outcome(
            refusal.reason.value, owner_of_failure, is_new_password=not same, tried=not is_known
        )
        # Before the record is written, so that this process rereads the counts even if the write fails.
        parts.throttle.failed(key)
        if self._own_record is None:
            parts.counters.record(key, outcome)
        else:
            parts.counters.settle(self._own_record, outcome)
        if not is_known:
            fingerprint = certain_fingerprint(self._account) if refusal.reason in _ALIKE else b""
            if refusal.reason is Refusal.NOT_ALLOWED:
                fingerprint = accepted_fingerprint(fingerprint)
            parts.refused.remember(owner, key.client_id, self._password, fingerprint)

    def _judge_unknown(
        self, owner: str, same: Sequence[RefusedPasswordRecord]
    ) -> Sequence[RefusedPasswordRecord]:
        """Treat a name without an account as an account would be, so that the answers do not differ.

        Args:
            owner: the person, or the unknown name, that the password is cached for.
            same: the cached records of the password.

        Returns:
            The records that would be cached for an account.
        """
        parts, now = self._parts, self._parts.counters.now()
        if parts.protection.answers_repetitions:
            # A name without an account has no fingerprint, so its records live longer than an account's.
            same = [each for each in same if each.at > now - SECONDS]
            self._is_refused_from_cache = bool(same)
        else:
            self._uncertain = same
            self._is_refused_from_cache = is_held(same, self._failures, self._key.client_id, now)
        if not self._is_refused_from_cache:
            with self._remembered_if_throttled(owner):
                parts.protection.judge_unknown(self._failures, now, is_repeated=bool(self._uncertain))
        return same

    def _delete_record(self) -> None:
        if self._own_record is not None:
            number, self._own_record = self._own_record, None
            self._parts.counters.forget(number)

    def _read_failures(self, subject: str | None) -> None:
        """Take a permit, so that attempts before this one are counted, and read the failures."""
        parts, name = self._parts, self._key.name
        permit_key = name if subject is None else subject.encode()
        self._permits.append(parts.concurrency.permit(permit_key, self._password))
        self._subject = subject
        try:
            self._failures = parts.throttle.check(self._key, subject)
        except Throttled:
            parts.recent.add(name, subject)
            raise

    def _refuse_repetition(self, account: Account | None) -> None:
        """Refuse a password without a bind, if it was refused minutes ago and may not have become right yet.

        Args:
            account: that the login name leads to; None where the directory shows none before the bind.
        """
        parts, key, now = self._parts, self._key, self._parts.counters.now()
        fingerprint = b"" if account is None else account.fingerprint
        if account is not None:
            parts.protection.note_fingerprint(is_shown=bool(fingerprint))
        if fingerprint and not any(each.at > now - SECONDS for each in self._failures):
            return
        same = parts.refused.same(self._owner_of_password(self._subject), self._password)
        if fingerprint:
            known = {each.fingerprint for each in same}
            self._is_refused_from_cache = fingerprint in known
            self._is_known_right = accepted_fingerprint(fingerprint) in known
        else:
            self._uncertain = same
            self._is_refused_from_cache = is_held(same, self._failures, key.client_id, now, reasons=_ALIKE)
        if not self._is_refused_from_cache:
            return
        detail = "cached: the same password was refused before"
        if account is not None:
            raise account.refusal_without_bind(detail)
        raise InvalidCredentials(Refusal.WRONG_PASSWORD, detail)

    @contextmanager
    def _remembered_if_throttled(self, owner: str) -> Iterator[None]:
        """Keep a throttled repetition in the cache, so that it is not taken for a new password later."""
        try:
            yield
        except Throttled:
            if self._uncertain:
                self._parts.refused.keep(self._uncertain, owner, self._key.client_id, self._password)
            raise

    def _record_before_bind(self) -> None:
        for permit in self._permits:
            permit.wait_for_unrecorded()
        self._own_record = self._parts.counters.record(self._key, Outcome(PENDING, self._owner_of_failure()))
        self._failures = self._parts.throttle.check(self._key, self._subject, own=self._own_record)

    def _owner_of_failure(self, refused_id: str | None = None) -> str | None:
        """The certain owner of this failure: a person's id, or the digest of the name exactly as typed.

        The id from an earlier attempt under the name is not certain. It may belong to another person whose
        name folds to the same form, and whose next login would clear this failure.

        Args:
            refused_id: the stable id in the refusal, if there is one.
        """
        return refused_id or self._found_id or self._key.spelling

    def _owner_of_password(self, subject: str | None) -> str:
        """The key that a refused password is cached under: the person, or the name if nothing shows a person.

        Without a service account, a bind shows the person only if the password is right, so the name stays.
        """
        if subject is not None and self._parts.protection.sees_accounts:
            return subject
        return f"name:{self._key.name.hex()}"

    def _protect(self, account: Account | None) -> None:
        protection, now = self._parts.protection, self._parts.counters.now()
        if protection.is_needed(self._failures, now):
            lockout_status = LockoutStatus() if account is None else account.lockout_status()
            with self._remembered_if_throttled(self._owner_of_password(self._subject)):
                protection.judge(self._failures, lockout_status, now, is_repeated=bool(self._uncertain))

    def _must_record_first(self) -> bool:
        return self._has_recent_failures() or self._parts.counters.must_record_first

    def _has_recent_failures(self) -> bool:
        return bool(self._failures) and not all(each.cleared for each in self._failures)
