"""How many logins run at once: in this process (slots), and for one person (permits).

Owns: which logins wait, how long, and which are refused at once. Slots tell a burst on a healthy directory,
in which logins wait, from a directory that hangs, for which none may wait. Permits keep simultaneous guesses
from all passing before the first of them is counted. A program that logs in many times at once need not wait
for each login. Must not know: the directory, counts of failures.
"""

import hmac
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Self

from directory import DirectoryUnavailable
from login.limits.limits import Throttled

# Seconds without any login entering or leaving after which the slots count as held by logins that hang.
_MIN_HANG_SECONDS = 0.1
# Longest wait of one login, and slowest average login for which any login waits (seconds).
_MAX_SLOT_WAIT = 0.15
# No movement for this many times the slowest recent login means a hang.
_HANG_FACTOR = 2
_INITIAL_SLOWEST = 0.125
_SLOWEST_DECAY = 0.9
# Weight of the newest login in the average, so that a hiccup does not make a directory slow.
_AVERAGE_WEIGHT = 0.2
# Seconds that a login waits for earlier ones of the same person. It holds a bulkhead slot meanwhile.
_MAX_PERMIT_WAIT = 1.0


class Bulkhead:
    """A fixed number of slots. A further login waits briefly, and only while slots come free quickly.

    A waiting login holds a thread that could check tokens. Behind a slow though healthy directory the queue
    would never end, so then no login waits.
    """

    def __init__(self, slots: int, *, monotonic: Callable[[], float]) -> None:
        """Begin with all slots free.

        Args:
            slots: how many; one fewer than threads, so that one thread is left for all other requests.
            monotonic: seconds since any moment.
        """
        self._free = slots
        self._monotonic = monotonic
        self._moved_at = monotonic()
        self._slowest = _INITIAL_SLOWEST
        self._average = 0.0
        self._waiting: deque[threading.Event] = deque()
        self._lock = threading.Lock()
        self._moved = threading.Condition(self._lock)

    def slot(self) -> "Slot":
        """Hold a slot for the length of a `with` block.

        Raises:
            DirectoryUnavailable: all slots are taken, and none came free in time.
        """
        return Slot(self)

    def waiting(self) -> int:
        """Logins that wait for a slot."""
        return len(self._waiting)

    def enter(self) -> float:
        """Take a slot, and return the time (seconds of the clock). Raises as `slot` does."""
        with self._lock:
            if self._free == 0:
                self._wait()
            else:
                self._free -= 1
            self._moved_at = now = self._monotonic()
        return now

    def leave(self, began: float, *, answered: bool) -> None:
        """Give a slot back.

        Args:
            began: as `enter` returned it.
            answered: whether the directory answered; only then does the login count for the average.
        """
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
                self._moved.notify_all()
            else:
                self._free += 1
            self._moved_at = now = self._monotonic()
            if answered:
                seconds = now - began
                self._slowest = max(seconds, self._slowest * _SLOWEST_DECAY)
                self._average += (seconds - self._average) * _AVERAGE_WEIGHT

    def _wait(self) -> None:
        """Wait until a leaving login hands its slot over; a later login cannot take it first."""
        handed_over = threading.Event()
        self._waiting.append(handed_over)
        deadline = self._monotonic() + _MAX_SLOT_WAIT
        while not handed_over.is_set():
            hang_seconds = max(_MIN_HANG_SECONDS, _HANG_FACTOR * self._slowest)
            left = min(deadline, self._moved_at + hang_seconds) - self._monotonic()
            if left <= 0 or self._average > _MAX_SLOT_WAIT:
                self._waiting.remove(handed_over)
                raise DirectoryUnavailable("every login place of this worker is taken")
            self._moved.wait(left)


class Slot:
    """A slot, held for the length of a `with` block."""

    __slots__ = ("_began", "_bulkhead")

    def __init__(self, bulkhead: Bulkhead) -> None:
        self._bulkhead = bulkhead

    def __enter__(self) -> None:
        self._began = self._bulkhead.enter()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        answered = kind is None or not issubclass(kind, (DirectoryUnavailable, Throttled))
        self._bulkhead.leave(self._began, answered=answered)


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
        deadline = self._monotonic() + _MAX_PERMIT_WAIT
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
