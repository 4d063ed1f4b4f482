"""What stands between an attempt and the directory."""

from collections.abc import Callable

from directory import Admit, InvalidCredentials, Person
from login.addresses import network_of
from login.attempt_key import AttemptKey, Names
from login.concurrency.per_person import PerPersonConcurrency
from login.limits.client_rate import ClientRate
from login.limits.failure_counters import FailureCounters
from login.limits.recent_failures import RecentFailures
from login.limits.throttle import Throttle
from login.lockout_protection import LockoutProtection
from login.login_attempt import LoginAttempt, Means
from login.refused_passwords import RefusedPasswordCache


class Guard:
    """Lets an attempt pass, or raises `Throttled`; and counts what comes of it."""

    def __init__(
        self,
        *,
        names: Names,
        rate: ClientRate,
        counters: FailureCounters,
        throttle: Throttle,
        turns: PerPersonConcurrency,
        shield: LockoutProtection,
        memory: RefusedPasswordCache,
    ) -> None:
        self._names = names
        self._rate = rate
        self._throttle = throttle
        self._means = Means(counters, throttle, turns, shield, memory, RecentFailures())

    def arrive(self, net_id: str, client_id: str, address: str) -> AttemptKey:
        """Refuse what this process knows to be too much, at no cost.

        Args:
            net_id: the login name as typed.
            client_id: the client that asks.
            address: where the request comes from.

        Returns:
            What the attempt is counted by.

        Raises:
            Throttled: it is too much.
        """
        attempt = AttemptKey(
            self._names.digest(net_id), client_id, network_of(address), self._names.spelling(net_id)
        )
        self._throttle.refuse_known(attempt)
        self._rate.take(client_id)
        return attempt

    def watch(self, attempt: AttemptKey, password: str, ask: Callable[[Admit], Person]) -> Person:
        """Ask the directory under every limit, and count what comes of it.

        Args:
            attempt: as `arrive` gave it.
            password: as typed.
            ask: asks the directory, and shows the account that it finds before it tries the password.

        Raises:
            InvalidCredentials: as `ask` raises it; it is counted.
            DirectoryUnavailable: as `ask` raises it, or other logins of the same person take too long;
                nothing is counted.
            Throttled: there were too many failures before, or one more could lock the person out.
        """
        with LoginAttempt(attempt, password, self._means) as trial:
            try:
                trial.look_ahead()
                person = ask(trial.admit)
            except InvalidCredentials as refusal:
                trial.refused(refusal)
                raise
            except BaseException:
                trial.undo()
                raise
            trial.succeeded(person)
        return person
