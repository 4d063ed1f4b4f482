"""A few connections of one kind, kept open and lent to one thread at a time.

Owns: how many there are, how long they live, and that a dead one is not lent. Must not know: what they are
for.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from directory.contract import DirectoryUnavailable
from directory.ldap.deadline import Deadline
from directory.ldap.link import Link

_FAREWELL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class _Lent:
    link: Link
    born: float
    generation: int


class Lane:
    """A bounded set of connections, the latest used first."""

    def __init__(
        self,
        purpose: str,
        connect: Callable[[Deadline], Link],
        *,
        size: int,
        lifetime: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._purpose = purpose
        self._connect = connect
        self._size = size
        self._lifetime = lifetime
        self._monotonic = monotonic
        self._slots = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._idle: list[_Lent] = []
        self._generation = 0

    @contextlib.contextmanager
    def lease(self, deadline: Deadline, *, fresh: bool = False) -> Iterator[Link]:
        """Lend a connection for the length of a `with` block.

        Args:
            deadline: for the wait, for a new connection, and for all that is done with it.
            fresh: whether it must be a new one, since a kept one has just proved dead.

        Raises:
            DirectoryUnavailable: none became free in time, or no new one could be made.
        """
        if not self._slots.acquire(timeout=deadline.remaining()):
            raise DirectoryUnavailable(
                f"all {self._size} connections for {self._purpose} stayed busy (NETID_LDAP_POOL_SIZE)"
            )
        try:
            lent = self._take(deadline, fresh=fresh)
            try:
                lent.link.begin(deadline)
                yield lent.link
            finally:
                self._give_back(lent)
        finally:
            self._slots.release()

    def close(self) -> None:
        """Close every connection: the idle ones now, a lent one when it comes back."""
        with self._lock:
            self._generation += 1
            idle, self._idle = self._idle, []
        for lent in idle:
            self._dismiss(lent)

    def _take(self, deadline: Deadline, *, fresh: bool) -> _Lent:
        while kept := self._pop():
            if not fresh and self._may_live(kept) and kept.link.is_alive():
                return kept
            self._dismiss(kept)
        generation = self._generation
        return _Lent(self._connect(deadline), born=self._monotonic(), generation=generation)

    def _pop(self) -> _Lent | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _give_back(self, lent: _Lent) -> None:
        if not lent.link.usable:
            lent.link.close()
            return
        with self._lock:
            keep = self._may_live(lent)
            if keep:
                self._idle.append(lent)
        if not keep:
            self._dismiss(lent)

    def _may_live(self, lent: _Lent) -> bool:
        return lent.generation == self._generation and self._monotonic() - lent.born < self._lifetime

    def _dismiss(self, lent: _Lent) -> None:
        lent.link.close(Deadline(_FAREWELL_SECONDS, self._monotonic))
