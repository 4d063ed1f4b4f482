"""Caches clients for two seconds, so that a busy program does not cost a read for each request.

Owns: the lifetime of cached clients. Changes by this process are visible at once, and changes by another
process within `CACHE_SECONDS`. A client that another process disabled gets no token even so: the insert of a
grant checks it. Figures: decision 20.
"""

from collections.abc import Callable
from threading import Lock

from models.clients.client import Client

CACHE_SECONDS = 2.0
_MAX_CLIENTS = 1000


class ClientCache:
    """A cache of clients by id. Unknown ids are not cached."""

    def __init__(self, read: Callable[[str], Client | None], clock: Callable[[], float]) -> None:
        """Begin empty.

        Args:
            read: reads a client from the database, or raises StoreUnavailable.
            clock: seconds since the epoch.
        """
        self._read = read
        self._clock = clock
        self._cached: dict[str, tuple[Client, float]] = {}
        self._lock = Lock()
        self._changes = 0

    def __len__(self) -> int:
        """The number of cached clients."""
        return len(self._cached)

    def get(self, client_id: str) -> Client | None:
        """The client with its secrets, or None.

        Raises:
            StoreUnavailable: the client is not cached, and the database cannot say.
        """
        return self.kept(client_id) or self.read(client_id)

    def kept(self, client_id: str) -> Client | None:
        """The cached client, or None. The database is not asked."""
        cached = self._cached.get(client_id)
        is_fresh = cached is not None and 0 <= self._clock() - cached[1] < CACHE_SECONDS
        return cached[0] if cached is not None and is_fresh else None

    def read(self, client_id: str) -> Client | None:
        """Read the client from the database and cache it; None if there is none.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        now, changes = self._clock(), self._changes
        client = self._read(client_id)
        with self._lock:
            # A client that was read during a change may be the old one.
            if client is not None and changes == self._changes:
                if len(self._cached) >= _MAX_CLIENTS:
                    self._cached.clear()
                self._cached[client_id] = client, now
        return client

    def forget(self) -> None:
        """Empty the cache: a client was changed, or the database is in trouble."""
        with self._lock:
            self._changes += 1
            self._cached.clear()
