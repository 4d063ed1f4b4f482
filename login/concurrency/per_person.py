"""How many logins of one person may run at once in this process.

Owns: that simultaneous guesses cannot all pass before the first of them is counted, while a program that logs
in many times at once does not wait for each login. Must not know: the counts.
"""

import hmac
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Self

from directory import DirectoryUnavailable

# Seconds that a login waits for earlier ones of the same person. It holds a bulkhead slot meanwhile.
_MAX_WAIT = 1.0


class PermitTimeout(DirectoryUnavailable):
    """Other logins of the same person take too long. It says nothing about the directory's health."""


class PerPersonConcurrency:
    """At most `share` permits per person. Others wait, unless their password proves right meanwhile."""

    def __init__(self, share: int, *, monotonic: Callable[[], float]) -> None:
        """Begin with no permits taken.

        Args:
            share: permits per person.
            monotonic: seconds since any moment.
        """
        self._share = share
        self._monotonic = monotonic
        self._inside: dict[bytes, list[Permit]] = {}
        self._waiting: defaultdict[bytes, list[Permit]] = defaultdict(list)
        self._sleepers = 0
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)

    def permit(self, key: bytes, password: str) -> "Permit":
        """Wait for a permit. The caller ends it, or uses it as a context manager.

        Args:
            key: the person.
            password: the password about to be tried. If another login proves it right meanwhile, this login
                is no guess and gets its permit at once.

        Raises:
            PermitTimeout: earlier logins of the person take too long.
        """
        permit = Permit(self, key, password)
        with self._lock:
            if len(self._inside.get(key, ())) >= self._share:
                self._wait_in_line(permit)
            self._inside.setdefault(key, []).append(permit)
        return permit

    def waiting(self) -> int:
        """Logins that wait for a permit."""
        with self._lock:
            return sum(map(len, self._waiting.values()))

    def resize(self, share: int) -> None:
        """Change the number of permits per person.

        Args:
            share: permits per person from now on.
        """
        with self._lock:
            self._share = share
            self._notify()

    def release(self, permit: "Permit") -> None:
        """Take back a permit, and let logins pass that wait with a password that has just proved right."""
        key = permit.key
        with self._lock:
            if permit.was_right and key in self._waiting:
                for each in self._waiting[key]:
                    each.is_known_right = each.is_known_right or each.has_password_of(permit)
            inside = self._inside[key]
            inside.remove(permit)
            if not inside:
                del self._inside[key]
            self._notify()

    def wait_for_unrecorded(self, permit: "Permit") -> None:
        """Wait until all logins that hold permits of the person are over or about to be recorded.

        Raises:
            PermitTimeout: they take too long.
        """
        with self._lock:
            permit.is_unrecorded = False
            self._notify()
            self._wait(lambda: not any(each.is_unrecorded for each in self._inside[permit.key]))

    def _wait_in_line(self, permit: "Permit") -> None:
        key = permit.key
        self._waiting[key].append(permit)
        try:
            self._wait(lambda: permit.is_known_right or len(self._inside.get(key, ())) < self._share)
        finally:
            self._waiting[key].remove(permit)
            if not self._waiting[key]:
                del self._waiting[key]

    def _wait(self, is_ready: Callable[[], bool]) -> None:
        deadline = self._monotonic() + _MAX_WAIT
        self._sleepers += 1
        try:
            while not is_ready():
                left = deadline - self._monotonic()
                if left <= 0:
                    raise PermitTimeout("other logins of the same person take too long")
                self._changed.wait(left)
        finally:
            self._sleepers -= 1

    def _notify(self) -> None:
        if self._sleepers:
            self._changed.notify_all()


class Permit:
    """A login that is under way. Until it is recorded, only this process knows of it.

    The holder sets `was_right` once the directory has accepted the password. `is_known_right` means that the
    directory accepted the same password of another login while this one waited.
    """

    __slots__ = ("_concurrency", "is_known_right", "is_unrecorded", "key", "password", "was_right")

    def __init__(self, concurrency: PerPersonConcurrency, key: bytes, password: str) -> None:
        self._concurrency = concurrency
        self.key = key
        self.password = password
        self.is_unrecorded = True
        self.was_right = self.is_known_right = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Give the permit back."""
        self._concurrency.release(self)

    def has_password_of(self, other: "Permit") -> bool:
        """Whether both logins try the same password, compared in constant time."""
        mine, theirs = (each.password.encode(errors="surrogatepass") for each in (self, other))
        return hmac.compare_digest(mine, theirs)

    def wait_for_unrecorded(self) -> None:
        """Wait for earlier logins of the person: their outcome must count before this one is recorded.

        Raises:
            PermitTimeout: they take too long.
        """
        self._concurrency.wait_for_unrecorded(self)
