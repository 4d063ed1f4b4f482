"""A few connections of one kind, kept open and lent to one thread at a time.

Owns: how many there are, how long they live, who waits for one, and that a dead one is not lent. Must not
know: what they are for.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from directory.contract import DirectoryUnavailable
from directory.ldap.connections.connection import LdapConnection, ServerBusy
from directory.ldap.connections.deadline import Deadline
from directory.ldap.connections.servers import QuickLosses, Servers
from directory.ldap.connections.sockets import ConnectionLost

_FAREWELL_SECONDS = 0.2
# How many may wait for each connection: a burst passes, and what comes on top is refused at once.
_WAITING = 8


class ConnectionFactory(Protocol):
    """Makes a new connection: to the server `prefer` if it can, to `avoid` only if there is no other."""

    def __call__(self, deadline: Deadline, *, prefer: str | None, avoid: str | None) -> LdapConnection:
        """Connect, or raise DirectoryUnavailable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStats:
    """How many connections a pool has, and how many threads wait for one.

    `idle_servers` names the server of each idle connection; the pool leases the last one first.
    """

    open: int
    idle: int
    leased: int
    waiting: int
    idle_servers: tuple[str, ...]


class Lease:
    """One connection of a pool, for the length of a `with` block each time that it is lent."""

    __slots__ = ("allotted", "born", "connection", "epoch", "generation", "kept", "pool", "reuse_last")

    def __init__(
        self, pool: "ConnectionPool", connection: LdapConnection, *, born: float, generation: int, epoch: int
    ) -> None:
        self.pool = pool
        self.connection = connection
        self.born = born
        self.generation = generation
        self.epoch = epoch
        self.kept = False
        self.reuse_last = False
        self.allotted: Deadline

    def __enter__(self) -> LdapConnection:
        return self.connection

    def __exit__(self, *_: object) -> None:
        self.pool.take_back(self)


class ConnectionPool:
    """A bounded set of connections, the latest used first."""

    def __init__(
        self,
        purpose: str,
        connect: ConnectionFactory,
        servers: Servers,
        *,
        size: int,
        lifetime: float,
        blame_after: float,
        monotonic: Callable[[], float],
    ) -> None:
        """Make an empty pool.

        Args:
            purpose: for sentences to the operator.
            connect: makes a connection.
            servers: told of what fails, and asked what may be used.
            size: the most connections that are open.
            lifetime: seconds until a connection is made anew.
            blame_after: seconds; a server that was given less, and did not answer, is not blamed.
            monotonic: seconds since any moment.
        """
        self._purpose = purpose
        self._connect = connect
        self._servers = servers
        self._losses = QuickLosses(servers)
        self._size = size
        self._lifetime = lifetime
        self._fair_chance = blame_after
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._freed = threading.Condition(self._lock)
        self._leased = 0
        self._waiting = 0
        self._idle: list[Lease] = []
        self._generation = 0

    def lease(
        self,
        deadline: Deadline,
        *,
        prefer: str | None = None,
        avoid: str | None = None,
        time_share: float = 1,
        reuse_last: bool = False,
    ) -> AbstractContextManager[LdapConnection]:
        """Lend a connection for the length of a `with` block.

        Args:
            deadline: for the wait, for a new connection, and for all that is done with it.
            prefer: the server it should lead to.
            avoid: the server it should not lead to.
            time_share: how much of the time that is then left may be used on it, from 0 to 1.
            reuse_last: whether the next login should rather get another connection than this one.

        Raises:
            DirectoryUnavailable: none became free in time, too many wait already, or none could be made.
        """
        lease = self._enter(deadline, prefer, avoid)
        try:
            while lease is not None and not (self._may_live(lease) and lease.connection.is_alive()):
                self._dismiss(lease)
                with self._lock:
                    lease = self._pop(prefer, avoid)
            if lease is None:
                lease = self._open(deadline, prefer, avoid)
        except BaseException:
            self._leave()
            raise
        try:
            lease.allotted = deadline.fraction(time_share)
            lease.reuse_last = reuse_last
        except BaseException:
            self._give_back(lease)
            raise
        lease.connection.set_deadline(lease.allotted)
        return lease

    def take_back(self, lease: Lease) -> None:
        """Take a connection back, and see to what has failed on it."""
        try:
            if lease.connection.failure is not None:
                self._blame(lease, lease.connection.failure)
            elif self._losses:
                self._losses.clear(lease.connection.name)
        finally:
            self._give_back(lease)

    def stats(self) -> PoolStats:
        """Count the connections of this pool."""
        with self._lock:
            return PoolStats(
                open=len(self._idle) + self._leased,
                idle=len(self._idle),
                leased=self._leased,
                waiting=self._waiting,
                idle_servers=tuple(lease.connection.name for lease in self._idle),
            )

    def close(self) -> None:
        """Close every connection: the idle ones now, a lent one when it comes back."""
        with self._lock:
            self._generation += 1
            idle, self._idle = self._idle, []
        for lease in idle:
            self._dismiss(lease)

    def _enter(self, deadline: Deadline, prefer: str | None, avoid: str | None) -> Lease | None:
        """Take a place, and the connection that is kept for it, if there is one."""
        with self._lock:
            if self._leased >= self._size or self._waiting:
                self._wait(deadline)
            self._leased += 1
            return self._pop(prefer, avoid)

    def _wait(self, deadline: Deadline) -> None:
        if self._waiting >= self._size * _WAITING:
            raise DirectoryUnavailable(
                f"too many wait already for the {self._size} connections for {self._purpose}"
            )
        self._waiting += 1
        try:
            while self._leased >= self._size:
                woken = self._freed.wait(deadline.remaining())
                # Who gives up must not have been the one that was told.
                if not woken and self._leased >= self._size:
                    raise DirectoryUnavailable(
                        f"all {self._size} connections for {self._purpose} stayed busy (NETID_LDAP_POOL_SIZE)"
                    )
        finally:
            self._waiting -= 1

    def _leave(self) -> None:
        with self._lock:
            self._free()

    def _free(self) -> None:
        self._leased -= 1
        if self._waiting:
            self._freed.notify()

    def _pop(self, prefer: str | None, avoid: str | None) -> Lease | None:
        # Not another server's in place of `prefer`: of that one a new connection is made.
        wanted = prefer if prefer is not None and self._servers.is_good(prefer) else None
        for place in range(len(self._idle) - 1, -1, -1):
            name = self._idle[place].connection.name
            if name != avoid and (wanted is None or wanted == name):
                lease = self._idle.pop(place)
                lease.kept = True
                return lease
        return None

    def _open(self, deadline: Deadline, prefer: str | None, avoid: str | None) -> Lease:
        """Make a new connection, for which others that wait for nobody may have to go."""
        generation = self._generation
        connection = self._connect(deadline, prefer=prefer, avoid=avoid)
        epoch = self._servers.epoch(connection.name)
        with self._lock:
            surplus = self._idle[: max(0, len(self._idle) + self._leased - self._size)]
            del self._idle[: len(surplus)]
        for other in surplus:
            self._dismiss(other)
        return Lease(self, connection, born=self._monotonic(), generation=generation, epoch=epoch)

    def _give_back(self, lease: Lease) -> None:
        with self._lock:
            keep = lease.connection.usable and lease.connection.failure is None and self._may_live(lease)
            if keep:
                self._idle.insert(0 if lease.reuse_last else len(self._idle), lease)
                self._free()
        if not keep:
            try:
                self._dismiss(lease)
            finally:
                self._leave()

    def _may_live(self, lease: Lease) -> bool:
        return (
            lease.generation == self._generation
            and self._monotonic() - lease.born < self._lifetime
            and self._servers.trusts(lease.connection.name, lease.epoch)
        )

    def _blame(self, lease: Lease, failure: DirectoryUnavailable) -> None:
        """Find out whose failure it is, the connection's or the server's."""
        name, epoch, allotted = lease.connection.name, lease.epoch, lease.allotted
        if allotted.is_over() and allotted.seconds < self._fair_chance:
            return
        if isinstance(failure, ConnectionLost) and allotted.elapsed() < self._fair_chance:
            self._losses.record(name, epoch, failure)
            if lease.kept:
                self._servers.distrust(name, epoch)
        else:
            # It may be this connection alone that hangs, as when a firewall has forgotten it.
            probe_now = not isinstance(failure, ServerBusy)
            self._servers.record_failure(name, epoch, failure, probe_now=probe_now)

    def _dismiss(self, lease: Lease) -> None:
        """End a connection, with a farewell if it is alive."""
        lease.connection.close(Deadline(_FAREWELL_SECONDS, self._monotonic))
