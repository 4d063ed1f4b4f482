"""How many logins of one person may be under way at once in this process.

Owns: that guesses that come all at once do not pass before the first of them is counted; and that a program
that logs in many times at once does not wait for each of them. Must not know: the counts.
"""

import hmac
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Self

from directory import DirectoryUnavailable

# Seconds that one waits for those before it. They hold a place at the directory meanwhile.
_PATIENCE = 1.0


class PermitTimeout(DirectoryUnavailable):
    """Other logins of the same person take too long. It says nothing about how the directory is."""


class PerPersonConcurrency:
    """So many at once for each key; another one waits, for a place or for its own password to prove right."""

    def __init__(self, share: int, *, monotonic: Callable[[], float]) -> None:
        """Let nobody in yet.

        Args:
            share: how many at once for each key.
            monotonic: seconds since any moment.
        """
        self._share = share
        self._monotonic = monotonic
        self._inside: dict[bytes, list[Permit]] = {}
        self._waiting: defaultdict[bytes, list[Permit]] = defaultdict(list)
        self._asleep = 0
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)

    def one(self, key: bytes, password: str) -> "Permit":
        """Wait for a turn, and hold it until its end, or for the length of a `with` block.

        Args:
            key: what is counted by.
            password: what is about to be tried. Who waits with the one that has just been right is no guess,
                and goes in at once.

        Raises:
            TurnTaken: those before it take too long.
        """
        turn = Permit(self, key, password)
        with self._lock:
            if len(self._inside.get(key, ())) >= self._share:
                self._wait_in_line(turn)
            self._inside.setdefault(key, []).append(turn)
        return turn

    def leave(self, turn: "Permit") -> None:
        """Count one fewer."""
        key = turn.key
        with self._lock:
            if turn.was_right and key in self._waiting:
                for each in self._waiting[key]:
                    each.is_known = each.is_known or each.has_password_of(turn)
            inside = self._inside[key]
            inside.remove(turn)
            if not inside:
                del self._inside[key]
            self._tell()

    def wait_for_unwritten(self, turn: "Permit") -> None:
        """Wait until all that began with the same key are over or written down, this one first.

        Raises:
            TurnTaken: they take too long.
        """
        with self._lock:
            turn.is_unwritten = False
            self._tell()
            self._wait(lambda: not any(each.is_unwritten for each in self._inside[turn.key]))

    def _wait_in_line(self, turn: "Permit") -> None:
        key = turn.key
        self._waiting[key].append(turn)
        try:
            self._wait(lambda: turn.is_known or len(self._inside.get(key, ())) < self._share)
        finally:
            self._waiting[key].remove(turn)
            if not self._waiting[key]:
                del self._waiting[key]

    def _wait(self, ready: Callable[[], bool]) -> None:
        gives_up_at = self._monotonic() + _PATIENCE
        self._asleep += 1
        try:
            while not ready():
                left = gives_up_at - self._monotonic()
                if left <= 0:
                    raise PermitTimeout("other logins of the same person take too long")
                self._changed.wait(left)
        finally:
            self._asleep -= 1

    def _tell(self) -> None:
        if self._asleep:
            self._changed.notify_all()


class Permit:
    """A login that is under way; until it is written down, only this process knows of it.

    `was_right` is to be set once the directory has accepted the password; `is_known` says that it accepted
    the same of another one, while this one waited.
    """

    __slots__ = ("_turns", "is_known", "is_unwritten", "key", "password", "was_right")

    def __init__(self, turns: PerPersonConcurrency, key: bytes, password: str) -> None:
        self._turns = turns
        self.key = key
        self.password = password
        self.is_unwritten = True
        self.was_right = self.is_known = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """The login is over."""
        self._turns.leave(self)

    def has_password_of(self, other: "Permit") -> bool:
        """Whether both try the same."""
        mine, theirs = (each.password.encode(errors="surrogatepass") for each in (self, other))
        return hmac.compare_digest(mine, theirs)

    def follow_others(self) -> None:
        """Wait for all that began before somebody had failed: what came of them must count first.

        Raises:
            TurnTaken: they take too long.
        """
        self._turns.wait_for_unwritten(self)
