"""How many logins of one person may be under way at once in this process.

Owns: that guesses that come all at once do not pass before the first of them is counted; and that a program
that logs in many times at once does not wait for each of them. Must not know: the counts.
"""

import hmac
import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Self

from directory import DirectoryUnavailable

# Seconds that one waits for those before it. They hold a place at the directory meanwhile.
_PATIENCE = 1.0


class Turns:
    """So many at once for each key; another one waits, for a place or for its own password to prove right."""

    def __init__(self, share: int, *, monotonic: Callable[[], float]) -> None:
        """Let nobody in yet.

        Args:
            share: how many at once for each key.
            monotonic: seconds since any moment.
        """
        self._share = share
        self._monotonic = monotonic
        self._inside: Counter[bytes] = Counter()
        self._unwritten: Counter[bytes] = Counter()
        self._waiting: defaultdict[bytes, list[Turn]] = defaultdict(list)
        self._changed = threading.Condition()

    def one(self, key: bytes, password: str) -> "Turn":
        """A turn, held for the length of a `with` block.

        Args:
            key: what is counted by.
            password: what is about to be tried. Who waits with the one that has just been right is no guess,
                and goes in at once.
        """
        return Turn(self, key, password)

    def enter(self, key: bytes, turn: "Turn") -> None:
        """Count one more, when it is its turn.

        Raises:
            DirectoryUnavailable: those before it take too long.
        """
        with self._changed:
            if self._inside[key] >= self._share:
                self._wait_in_line(key, turn)
            self._inside[key] += 1
            self._unwritten[key] += 1

    def leave(self, key: bytes, turn: "Turn", *, unwritten: bool) -> None:
        """Count one fewer; `unwritten` says that it is still counted as one that no other worker sees."""
        with self._changed:
            if turn.was_right and key in self._waiting:
                for each in self._waiting[key]:
                    each.is_known = each.is_known or each.has_password_of(turn)
            if unwritten:
                self._take(self._unwritten, key)
            self._take(self._inside, key)

    def take_unwritten(self, key: bytes) -> None:
        """Count one fewer that no other worker sees."""
        with self._changed:
            self._take(self._unwritten, key)

    def wait_for_unwritten(self, key: bytes) -> None:
        """Wait until none is under way that is not written down.

        Raises:
            DirectoryUnavailable: they take too long.
        """
        with self._changed:
            self._wait(lambda: not self._unwritten[key])

    def _wait_in_line(self, key: bytes, turn: "Turn") -> None:
        self._waiting[key].append(turn)
        try:
            self._wait(lambda: turn.is_known or self._inside[key] < self._share)
        finally:
            self._waiting[key].remove(turn)
            if not self._waiting[key]:
                del self._waiting[key]

    def _wait(self, ready: Callable[[], bool]) -> None:
        gives_up_at = self._monotonic() + _PATIENCE
        while not ready():
            left = gives_up_at - self._monotonic()
            if left <= 0:
                raise DirectoryUnavailable("other logins of the same person take too long")
            self._changed.wait(left)

    def _take(self, counter: Counter[bytes], key: bytes) -> None:
        counter[key] -= 1
        if not counter[key]:
            del counter[key]
        self._changed.notify_all()


class Turn:
    """A login that is under way; until it is written down, only this process knows of it.

    `was_right` is to be set once the directory has accepted the password; `is_known` says that it accepted
    the same of another one, while this one waited.
    """

    def __init__(self, turns: Turns, key: bytes, password: str) -> None:
        self._turns = turns
        self._key = key
        self.password = password
        self._unwritten = True
        self.was_right = self.is_known = False

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def begin(self) -> None:
        """Wait for the turn, and hold it.

        Raises:
            DirectoryUnavailable: those before it take too long.
        """
        self._turns.enter(self._key, self)

    def end(self) -> None:
        """The login is over."""
        self._turns.leave(self._key, self, unwritten=self._unwritten)
        self._unwritten = False

    def has_password_of(self, other: "Turn") -> bool:
        """Whether both try the same."""
        mine, theirs = (each.password.encode(errors="surrogatepass") for each in (self, other))
        return hmac.compare_digest(mine, theirs)

    def no_longer_unwritten(self) -> None:
        """Say that the login is over, or about to be written down."""
        if self._unwritten:
            self._unwritten = False
            self._turns.take_unwritten(self._key)

    def follow_others(self) -> None:
        """Wait for all that began before somebody had failed: what came of them must count first.

        Raises:
            DirectoryUnavailable: they take too long.
        """
        self.no_longer_unwritten()
        self._turns.wait_for_unwritten(self._key)
