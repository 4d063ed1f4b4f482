"""The limits on wrong app passwords.

Owns: by what a wrong app password is counted. By client, address and server it counts as any failed login. By
login name it has a count of its own: wrong app passwords never block a user's Net ID password, nor the
reverse. Must not know: why an app password is wrong.
"""

from dataclasses import dataclass

from directory import Refusal
from login.addresses import network_of
from login.limits.failure_counters import FailureCounters
from login.limits.throttle import Throttle
from login.names import Names
from login.ports import AttemptKey, Outcome


@dataclass(frozen=True, slots=True)
class WrongAppPasswords:
    """Counts wrong app passwords, with the parts that all logins of this process share."""

    names: Names
    throttle: Throttle
    counters: FailureCounters

    def key(self, net_id: str, client_id: str, address: str) -> AttemptKey:
        """Make the key that an attempt is counted by.

        Args:
            net_id: the login name as typed.
            client_id: the client that sent the app password.
            address: the address of the request.
        """
        return AttemptKey(self.names.app_password_digest(net_id), client_id, network_of(address))

    def check(self, key: AttemptKey) -> None:
        """Refuse an attempt if too many failed before.

        Args:
            key: what the attempt is counted by.

        Raises:
            Throttled: a limit is reached.
        """
        self.throttle.check(key, None)

    def count(self, key: AttemptKey, reason: Refusal, *, is_guess: bool) -> None:
        """Count a refusal.

        Args:
            key: what the attempt is counted by.
            reason: of the refusal.
            is_guess: whether it counts by client, address and server too. A program that goes on sending an
                app password that has ended must not stop other programs at its address.

        Raises:
            Throttled: too many failed before; this attempt is not counted.
        """
        self.check(key)
        # Before the record is written, so that this process rereads the counts even if the write fails.
        self.throttle.failed(key)
        self.counters.record(key, Outcome(reason.value, is_new_password=is_guess, tried=False))
