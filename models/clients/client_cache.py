"""Clients as they were read a moment ago: a busy program does not cost a read at each of its requests.

Owns: for how long. Whatever changes a client here is seen at once, a change by another process within
`HOLDS_SECONDS`; but to a client that another one has disabled nothing is issued: the insert itself asks.
"""

from collections.abc import Callable
from threading import Lock

from models.clients.client import Client

HOLDS_SECONDS = 2.0
_MOST = 1000


class ClientCache:
    """The clients that were asked for of late; ids that nobody has are asked for anew each time."""

    def __init__(self, read: Callable[[str], Client | None], clock: Callable[[], float]) -> None:
        """Begin with none.

        Args:
            read: reads one from the database, or raises StoreUnavailable.
            clock: seconds since the epoch.
        """
        self._read = read
        self._clock = clock
        self._kept: dict[str, tuple[Client, float]] = {}
        self._lock = Lock()
        self._changes = 0

    def get(self, client_id: str) -> Client | None:
        """The client with its secrets, or None.

        Raises:
            StoreUnavailable: it is not kept, and the database cannot say.
        """
        return self.kept(client_id) or self.read(client_id)

    def kept(self, client_id: str) -> Client | None:
        """The client as it was read a moment ago, or None; the database is not asked."""
        kept = self._kept.get(client_id)
        return kept[0] if kept is not None and 0 <= self._clock() - kept[1] < HOLDS_SECONDS else None

    def read(self, client_id: str) -> Client | None:
        """The client as the database has it now, which is kept; or None.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        now, changes = self._clock(), self._changes
        client = self._read(client_id)
        with self._lock:
            # What was read while somebody changed it may be from before.
            if client is not None and changes == self._changes:
                if len(self._kept) >= _MOST:
                    self._kept.clear()
                self._kept[client_id] = client, now
        return client

    def forget(self) -> None:
        """Read every client anew: one of them was changed, or the database is in trouble."""
        with self._lock:
            self._changes += 1
            self._kept.clear()
