"""A pool of connections for one purpose, each leased to one thread at a time.

Owns: the size of the pool, the lifetime of connections, the queue for them, and that no dead one is leased.
Must not know: what the connections are used for.
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

_UNBIND_SECONDS = 0.2
# Threads that may wait for each connection: enough for a burst. The pool refuses further ones at once.
_WAITING_PER_CONNECTION = 8


class ConnectionFactory(Protocol):
    """Makes a new connection: to the server `prefer` if it can, to `avoid` only if there is no other."""

    def __call__(self, deadline: Deadline, *, prefer: str | None, avoid: str | None) -> LdapConnection:
        """Connect, or raise DirectoryUnavailable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStats:
    """How many connections a pool has, and how many threads wait for one.

    `leased` includes connections that are being opened. `idle_servers` names the server of each idle
    connection; the pool leases the last of them first.
    """

    open: int
    idle: int
    leased: int
    waiting: int
    idle_servers: tuple[str, ...]


class Lease:
    """A connection of a pool. Each `with` block over it is one lease, and returns it to the pool."""

    __slots__ = (
        "connection",
        "deadline",
        "epoch",
        "generation",
        "is_reused",
        "opened_at",
        "pool",
        "reuse_last",
    )

    def __init__(
        self,
        pool: "ConnectionPool",
        connection: LdapConnection,
        *,
        opened_at: float,
        generation: int,
        epoch: int,
    ) -> None:
        self.pool = pool
        self.connection = connection
        self.opened_at = opened_at
        self.generation = generation
        self.epoch = epoch
        self.is_reused = False
        self.reuse_last = False
        self.deadline: Deadline

    def __enter__(self) -> LdapConnection:
        return self.connection

    def __exit__(self, *_: object) -> None:
        self.pool.release(self)


class ConnectionPool:
    """A bounded set of connections. It leases the most recently used one first."""

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
            purpose: named in error messages for the operator.
            connect: makes a connection.
            servers: the state of each server; the pool reports failures to it.
            size: the most connections that are open.
            lifetime: seconds after which the pool replaces a connection.
            blame_after: seconds; a server that had less time to answer is not blamed for its silence.
            monotonic: seconds since any moment.
        """
        self._purpose = purpose
        self._connect = connect
        self._servers = servers
        self._losses = QuickLosses(servers)
        self._size = size
        self._lifetime = lifetime
        self._blame_after = blame_after
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._slot_freed = threading.Condition(self._lock)
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
        """Lease a connection for the length of a `with` block.

        Args:
            deadline: for the wait, for a new connection, and for all operations of the lease.
            prefer: the server that the connection should lead to.
            avoid: the server that it should not lead to.
            time_share: the share of the time left that the lease may use, from 0 to 1.
            reuse_last: whether the pool should lease this connection after all its other idle ones.

        Raises:
            DirectoryUnavailable: no connection is free in time or can be opened, or too many threads wait.
        """
        lease = self._take_slot(deadline, prefer, avoid)
        try:
            while lease is not None and not (self._is_current(lease) and lease.connection.is_alive()):
                self._close(lease)
                with self._lock:
                    lease = self._take_idle(prefer, avoid)
            if lease is None:
                lease = self._open(deadline, prefer, avoid)
        except BaseException:
            self._free_slot()
            raise
        try:
            lease.deadline = deadline.fraction(time_share)
            lease.reuse_last = reuse_last
        except BaseException:
            self._keep_or_close(lease)
            raise
        lease.connection.set_deadline(lease.deadline)
        return lease

    def release(self, lease: Lease) -> None:
        """Return a connection to the pool, and report a failure that it had."""
        try:
            if lease.connection.failure is not None:
                self._report_failure(lease, lease.connection.failure)
            elif self._losses:
                self._losses.clear(lease.connection.name)
        finally:
            self._keep_or_close(lease)

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
        """Close every connection: idle ones now, leased ones when they are returned."""
        with self._lock:
            self._generation += 1
            idle, self._idle = self._idle, []
        for lease in idle:
            self._close(lease)

    def _take_slot(self, deadline: Deadline, prefer: str | None, avoid: str | None) -> Lease | None:
        """Take one of the pool's slots, with an idle connection if there is a suitable one."""
        with self._lock:
            if self._leased >= self._size or self._waiting:
                self._wait(deadline)
            self._leased += 1
            return self._take_idle(prefer, avoid)

    def _wait(self, deadline: Deadline) -> None:
        if self._waiting >= self._size * _WAITING_PER_CONNECTION:
            raise DirectoryUnavailable(
                f"too many wait already for the {self._size} connections for {self._purpose}"
            )
        self._waiting += 1
        try:
            while self._leased >= self._size:
                is_notified = self._slot_freed.wait(deadline.remaining())
                # A thread that was notified must not give up: no other thread learns of the free slot.
                if not is_notified and self._leased >= self._size:
                    raise DirectoryUnavailable(
                        f"all {self._size} connections for {self._purpose} stayed busy (NETID_LDAP_POOL_SIZE)"
                    )
        finally:
            self._waiting -= 1

    def _free_slot(self) -> None:
        with self._lock:
            self._free_slot_locked()

    def _free_slot_locked(self) -> None:
        self._leased -= 1
        if self._waiting:
            self._slot_freed.notify()

    def _take_idle(self, prefer: str | None, avoid: str | None) -> Lease | None:
        # A good server without an idle connection gets a new one, rather than another server's idle one.
        required = prefer if prefer is not None and self._servers.is_good(prefer) else None
        for index in range(len(self._idle) - 1, -1, -1):
            server = self._idle[index].connection.name
            if server != avoid and (required is None or required == server):
                lease = self._idle.pop(index)
                lease.is_reused = True
                return lease
        return None

    def _open(self, deadline: Deadline, prefer: str | None, avoid: str | None) -> Lease:
        """Open a connection, and close idle ones to other servers if the pool would exceed its size."""
        generation = self._generation
        connection = self._connect(deadline, prefer=prefer, avoid=avoid)
        epoch = self._servers.epoch(connection.name)
        with self._lock:
            surplus = self._idle[: max(0, len(self._idle) + self._leased - self._size)]
            del self._idle[: len(surplus)]
        for idle in surplus:
            self._close(idle)
        return Lease(self, connection, opened_at=self._monotonic(), generation=generation, epoch=epoch)

    def _keep_or_close(self, lease: Lease) -> None:
        with self._lock:
            connection = lease.connection
            keep = connection.usable and connection.failure is None and self._is_current(lease)
            if keep:
                self._idle.insert(0 if lease.reuse_last else len(self._idle), lease)
                self._free_slot_locked()
        if not keep:
            try:
                self._close(lease)
            finally:
                self._free_slot()

    def _is_current(self, lease: Lease) -> bool:
        return (
            lease.generation == self._generation
            and self._monotonic() - lease.opened_at < self._lifetime
            and self._servers.trusts(lease.connection.name, lease.epoch)
        )

    def _report_failure(self, lease: Lease, failure: DirectoryUnavailable) -> None:
        """Decide whether the connection or the server is to blame for a failure."""
        server, epoch, deadline = lease.connection.name, lease.epoch, lease.deadline
        if deadline.is_over() and deadline.seconds < self._blame_after:
            return
        if isinstance(failure, ConnectionLost) and deadline.elapsed() < self._blame_after:
            self._losses.record(server, epoch, failure)
            if lease.is_reused:
                self._servers.distrust(server, epoch)
        else:
            # Only this connection may hang, for example when a firewall has dropped its state.
            probe_now = not isinstance(failure, ServerBusy)
            self._servers.record_failure(server, epoch, failure, probe_now=probe_now)

    def _close(self, lease: Lease) -> None:
        """Close a connection, with an unbind request if it is usable."""
        lease.connection.close(Deadline(_UNBIND_SECONDS, self._monotonic))
