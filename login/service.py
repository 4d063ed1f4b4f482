"""One login, step by step: first the limits, then the directory, then the record of the outcome.

Owns: the order of the steps. `Login.authenticate` is the place to start reading. Must not know: what a step
does inside; each is a module of this package.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from directory import (
    MAX_NAME_CHARACTERS,
    Directory,
    InvalidCredentials,
    Person,
    Refusal,
    encoded_password,
)
from login.addresses import network_of
from login.app_passwords.limits import WrongAppPasswords
from login.app_passwords.service import AppPasswordRules, AppPasswords, LoginTools
from login.app_passwords.value import is_app_password
from login.concurrency import Bulkhead, PerPersonConcurrency
from login.limits.failure_counters import FailureCounters
from login.limits.limits import Limit, Limits
from login.limits.throttle import ClientRate, RecentFailures, Throttle
from login.lockout_protection import LOOKBACK, LockoutProtection
from login.login_attempt import LoginAttempt, LoginParts
from login.names import Names
from login.ports import (
    SIGN_IN_PAGE,
    AppPasswordRecords,
    AttemptKey,
    FailureRecords,
    RefusedPasswordRecords,
)
from login.refused_passwords import SECONDS, RefusedPasswordCache
from login.response_time import ResponseTimeFloor
from telemetry import Log

# Stands for "no limit".
_UNLIMITED = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginRules:
    """The operator's rules for logins.

    Attributes:
        limits: on failed logins.
        client_rate: limits on logins of one client in each worker, failed or not.
        shield_budget: failures that this server may add to a person's count in the directory; 0 for any
            number.
        shield_window: seconds for which such a failure counts where the directory's count cannot be read.
        sees_accounts: whether the directory shows accounts before a password is tried.
        workers: worker processes, which share a limit until the first failure is recorded.
        realms: realms that the directory removes from a login name.
        slots: logins that may be at the directory at once in this process.
        app_passwords_survive: whether an app password stays good when its user's password changes.
    """

    limits: Limits
    client_rate: tuple[Limit, ...] = ()
    shield_budget: int = 0
    shield_window: int = 3600
    sees_accounts: bool = True
    workers: int = 1
    realms: tuple[str, ...] = ()
    slots: int = 1
    app_passwords_survive: bool = True

    @property
    def logins_at_once(self) -> int:
        """Logins of one person that may run at once in a worker while the person has no failures."""
        bounds = (self.shield_budget or _UNLIMITED, *(limit.amount for limit in self.limits.person))
        return max(1, min(bounds) // self.workers)


class LoginStores(NamedTuple):
    """The stores of failed logins, refused passwords and app passwords.

    `trouble` is the exception that they raise if they cannot answer.
    """

    failures: FailureRecords
    refused: RefusedPasswordRecords
    trouble: type[Exception]
    app_passwords: AppPasswordRecords


class LoginStats(NamedTuple):
    """Logins of this process that wait: for a slot at the directory, or for logins of the same person."""

    waiting_for_slot: int
    waiting_for_permit: int


class Login:
    """Logins against one directory."""

    def __init__(
        self,
        directory: Directory,
        rules: LoginRules,
        stores: LoginStores,
        *,
        keys: tuple[bytes, bytes],
        log: Log,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Build the parts of a login.

        Args:
            directory: finds people and verifies their passwords.
            rules: the operator's rules.
            stores: shared by all workers and nodes.
            keys: the key of the digests of login names, and the key of those of refused passwords.
            log: receives an alarm when failures cannot be counted.
            clock: seconds since the epoch.
            monotonic: seconds since any moment.
            sleep: waits for a number of seconds.
        """
        self._directory = directory
        self._names = Names(keys[0], rules.realms)
        self._rate = ClientRate(rules.client_rate, monotonic=monotonic)
        self._bulkhead = Bulkhead(rules.slots, monotonic=monotonic)
        self._floor = ResponseTimeFloor(at_once=rules.slots, monotonic=monotonic, sleep=sleep)
        trouble, budget = stores.trouble, rules.shield_budget
        counters = FailureCounters(stores.failures, trouble, clock=clock, log=log)
        self._parts = LoginParts(
            counters,
            Throttle(rules.limits, counters, lookback=LOOKBACK if budget else SECONDS, monotonic=monotonic),
            PerPersonConcurrency(rules.logins_at_once, monotonic=monotonic),
            LockoutProtection(budget, rules.shield_window, sees_accounts=rules.sees_accounts),
            RefusedPasswordCache(stores.refused, keys[1], trouble, clock=clock, monotonic=monotonic),
            RecentFailures(),
        )
        self.app_passwords = self._app_passwords(stores.app_passwords, rules, clock)

    def authenticate(
        self,
        net_id: str,
        password: str,
        *,
        client_id: str,
        address: str,
        groups: bool = False,
        check: Callable[[Person], None] = lambda _: None,
    ) -> Person:
        """Verify a person's password (RFC 6749, section 4.3.2), unless there were too many failures.

        An app password is refused here: `app_passwords` accepts it. Neither field of one reaches a directory.

        Args:
            net_id: the login name as typed.
            password: as typed.
            client_id: the client that sent them.
            address: the address of the request.
            groups: whether the person's groups are wanted.
            check: takes the person once the password has proved right, and may raise InvalidCredentials. The
                refusal counts as any other, so that a client cannot tell it from a wrong password.

        Raises:
            Throttled: too many failures; the password was not tried.
            InvalidCredentials: refused, with its reason.
            DirectoryUnavailable: the directory cannot say, or too many logins are waiting already.
        """
        if is_app_password(password) or is_app_password(net_id):
            self.app_passwords.refuse_misplaced(net_id, client_id=client_id, address=address)
        name, spelling = self._names.digest(net_id), self._names.spelling(net_id)
        key = AttemptKey(name, client_id, network_of(address), spelling)
        return self._log_in(key, net_id, password, groups=groups, check=check)

    def sign_in(
        self,
        net_id: str,
        password: str,
        *,
        address: str,
        groups: bool = False,
        check: Callable[[Person], None] = lambda _: None,
    ) -> Person:
        """Verify the password of a user who types it on the sign-in page of this server.

        The steps are those of `authenticate`. Failures count by user, by address and for the server, but not
        by client: anyone can start a sign-in for any client, and that must close sign-in for no one.

        Args:
            net_id: the login name as typed.
            password: as typed.
            address: the address of the request.
            groups: whether the person's groups are wanted.
            check: as in `authenticate`.

        Raises:
            Throttled: too many failures; the password was not tried.
            InvalidCredentials: refused, with its reason. `needs_new_password` says whether a page may tell
                the user.
            DirectoryUnavailable: the directory cannot say, or too many logins are waiting already.
        """
        return self.authenticate(
            net_id, password, client_id=SIGN_IN_PAGE, address=address, groups=groups, check=check
        )

    def _app_passwords(
        self,
        records: AppPasswordRecords,
        rules: LoginRules,
        clock: Callable[[], float],
    ) -> AppPasswords:
        wrong = WrongAppPasswords(self._names, self._parts.throttle, self._parts.counters)
        return AppPasswords(
            records,
            self,
            AppPasswordRules(
                sees_accounts=rules.sees_accounts, survives_password_change=rules.app_passwords_survive
            ),
            LoginTools(wrong, self._rate, self._floor),
            clock=clock,
        )

    def _log_in(
        self, key: AttemptKey, net_id: str, password: str, *, groups: bool, check: Callable[[Person], None]
    ) -> Person:
        # 1. Refuse what this process knows to be over a limit. It costs neither a query nor a slot.
        self._parts.throttle.refuse_known(key)
        if key.client_id != SIGN_IN_PAGE:
            self._rate.take(key.client_id)
        # 2. Take a slot. Leaving the block gives it back; then a refusal waits for the response time floor.
        with self._floor.timing(groups=groups) as timing, self._bulkhead.slot():
            timing.begin()
            # 3. Begin an attempt. Its block counts a refusal by any step, and no other error.
            with LoginAttempt(key, password, self._parts) as attempt:
                # 4. Refuse before the directory is asked, if this process has reason to doubt the name.
                attempt.refuse_early()
                # 5. Find the account. An unacceptable name or password reaches no directory.
                timing.has_asked = True
                _refuse_unacceptable(net_id, password)
                account = self._directory.find(net_id, groups=groups)
                # 6. Apply the limits and the lockout protection to the account.
                if account.is_readable:
                    attempt.judge(account)
                # 7. Bind, which verifies the password.
                person = account.verify(password)
                # 8. Apply the rules about the person.
                check(person)
                # 9. Clear the person's recent failures.
                attempt.succeeded(person)
        return person

    def read(self, person_id: str, *, groups: bool = False) -> Person:
        """Read the person with a stable id again, as a token refresh does.

        Args:
            person_id: as `Person.id` gave it.
            groups: whether the person's groups are wanted.

        Raises:
            InvalidCredentials: gone, disabled, locked or expired.
            DirectoryUnavailable: the directory cannot say, or too many logins are waiting already.
        """
        with self._bulkhead.slot():
            return self._directory.read(person_id, groups=groups)

    def id_of(self, net_id: str) -> str:
        """Find the stable id of the person that a login name leads to. No password is tried.

        Args:
            net_id: the login name as typed. What looks like an app password reaches no directory.

        Raises:
            InvalidCredentials: nobody, or several people, have the name, or the person may not log in.
            DirectoryUnavailable: the directory cannot say, or too many logins are waiting already.
        """
        if is_app_password(net_id):
            raise InvalidCredentials(Refusal.UNACCEPTABLE, "the name is an app password")
        _refuse_unacceptable_name(net_id)
        with self._bulkhead.slot():
            return self._directory.find(net_id).person_id

    def stats(self) -> "LoginStats":
        """Count the logins that wait in this process."""
        return LoginStats(self._bulkhead.waiting(), self._parts.concurrency.waiting())

    def ping(self) -> None:
        """Ask cheaply whether the directory answers.

        It takes a slot as a login does, so that probes of a hung directory hold no more threads than logins.

        Raises:
            DirectoryUnavailable: it does not, or too many logins are waiting already.
        """
        with self._bulkhead.slot():
            self._directory.ping()


def _refuse_unacceptable(net_id: str, password: str) -> None:
    """Refuse names and passwords that no directory may get (RFC 4513, section 5.1.2)."""
    _refuse_unacceptable_name(net_id)
    encoded_password(password)


def _refuse_unacceptable_name(net_id: str) -> None:
    if len(net_id) > MAX_NAME_CHARACTERS:
        raise InvalidCredentials(Refusal.UNACCEPTABLE, "the name is too long")
    if "\0" in net_id:
        raise InvalidCredentials(Refusal.UNACCEPTABLE, "the name holds a NUL")
