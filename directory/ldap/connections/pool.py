"""A few connections of one kind, kept open and lent to one thread at a time.

Owns: how many there are, how long they live, who waits for one, and that a dead one is not lent. Must not
know: what they are for.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from directory.contract import DirectoryUnavailable
from directory.ldap.connections.connection import LdapConnection, ServerAway
from directory.ldap.connections.deadline import Deadline
from directory.ldap.connections.losses import Losses
from directory.ldap.connections.servers import Servers
from directory.ldap.connections.sockets import ConnectionLost

_FAREWELL_SECONDS = 0.2
# How many may wait for each connection: a burst passes, and what comes on top is refused at once.
_WAITING = 8


class Connect(Protocol):
    """Makes a new connection: to the server `near` if it can, to `avoid` only if there is no other."""

    def __call__(self, deadline: Deadline, *, near: str | None, avoid: str | None) -> LdapConnection:
        """Connect, or raise DirectoryUnavailable."""
        ...


class Lease:
    """One connection of a lane, for the length of a `with` block each time that it is lent."""

    __slots__ = ("allotted", "aside", "born", "epoch", "generation", "kept", "lane", "link")

    def __init__(
        self, lane: "ConnectionPool", link: LdapConnection, *, born: float, generation: int, epoch: int
    ) -> None:
        self.lane = lane
        self.link = link
        self.born = born
        self.generation = generation
        self.epoch = epoch
        self.kept = False
        self.aside = False
        self.allotted: Deadline

    def __enter__(self) -> LdapConnection:
        return self.link

    def __exit__(self, *_: object) -> None:
        self.lane.take_back(self)


class ConnectionPool:
    """A bounded set of connections, the latest used first."""

    def __init__(
        self,
        purpose: str,
        connect: Connect,
        servers: Servers,
        *,
        size: int,
        lifetime: float,
        fair_chance: float,
        monotonic: Callable[[], float],
    ) -> None:
        """Make an empty lane.

        Args:
            purpose: for sentences to the operator.
            connect: makes a connection.
            servers: told of what fails, and asked what may be used.
            size: the most connections that are open.
            lifetime: seconds until a connection is made anew.
            fair_chance: seconds; a server that was given less, and did not answer, is not blamed.
            monotonic: seconds since any moment.
        """
        self._purpose = purpose
        self._connect = connect
        self._servers = servers
        self._losses = Losses(servers)
        self._size = size
        self._lifetime = lifetime
        self._fair_chance = fair_chance
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._freed = threading.Condition(self._lock)
        self._taken = 0
        self._waiting = 0
        self._idle: list[Lease] = []
        self._generation = 0

    def lease(
        self,
        deadline: Deadline,
        *,
        near: str | None = None,
        avoid: str | None = None,
        part: float = 1,
        aside: bool = False,
    ) -> AbstractContextManager[LdapConnection]:
        """Lend a connection for the length of a `with` block.

        Args:
            deadline: for the wait, for a new connection, and for all that is done with it.
            near: the server it should lead to.
            avoid: the server it should not lead to.
            part: how much of the time that is then left may be used on it, from 0 to 1.
            aside: whether the next login should rather get another connection than this one.

        Raises:
            DirectoryUnavailable: none became free in time, too many wait already, or none could be made.
        """
        lease = self._enter(deadline, near, avoid)
        try:
            while lease is not None and not (self._may_live(lease) and lease.link.is_alive()):
                self._dismiss(lease)
                with self._lock:
                    lease = self._pop(near, avoid)
            if lease is None:
                lease = self._open(deadline, near, avoid)
        except BaseException:
            self._leave()
            raise
        try:
            lease.allotted = deadline.part(part)
            lease.aside = aside
        except BaseException:
            self._give_back(lease)
            raise
        lease.link.begin(lease.allotted)
        return lease

    def take_back(self, lease: Lease) -> None:
        """Take a connection back, and see to what has failed on it."""
        try:
            if lease.link.failure is not None:
                self._blame(lease, lease.link.failure)
            elif self._losses:
                self._losses.answered(lease.link.name)
        finally:
            self._give_back(lease)

    def close(self) -> None:
        """Close every connection: the idle ones now, a lent one when it comes back."""
        with self._lock:
            self._generation += 1
            idle, self._idle = self._idle, []
        for lease in idle:
            self._dismiss(lease)

    def _enter(self, deadline: Deadline, near: str | None, avoid: str | None) -> Lease | None:
        """Take a place, and the connection that is kept for it, if there is one."""
        with self._lock:
            if self._taken >= self._size or self._waiting:
                self._wait(deadline)
            self._taken += 1
            return self._pop(near, avoid)

    def _wait(self, deadline: Deadline) -> None:
        if self._waiting >= self._size * _WAITING:
            raise DirectoryUnavailable(
                f"too many wait already for the {self._size} connections for {self._purpose}"
            )
        self._waiting += 1
        try:
            while self._taken >= self._size:
                woken = self._freed.wait(deadline.remaining())
                # Who gives up must not have been the one that was told.
                if not woken and self._taken >= self._size:
                    raise DirectoryUnavailable(
                        f"all {self._size} connections for {self._purpose} stayed busy (NETID_LDAP_POOL_SIZE)"
                    )
        finally:
            self._waiting -= 1

    def _leave(self) -> None:
        with self._lock:
            self._free()

    def _free(self) -> None:
        self._taken -= 1
        if self._waiting:
            self._freed.notify()

    def _pop(self, near: str | None, avoid: str | None) -> Lease | None:
        # Not another server's in place of `near`: of that one a new connection is made.
        wanted = near if near is not None and self._servers.is_good(near) else None
        for place in range(len(self._idle) - 1, -1, -1):
            name = self._idle[place].link.name
            if name != avoid and (wanted is None or wanted == name):
                lease = self._idle.pop(place)
                lease.kept = True
                return lease
        return None

    def _open(self, deadline: Deadline, near: str | None, avoid: str | None) -> Lease:
        """Make a new connection, for which others that wait for nobody may have to go."""
        generation = self._generation
        link = self._connect(deadline, near=near, avoid=avoid)
        epoch = self._servers.epoch(link.name)
        with self._lock:
            surplus = self._idle[: max(0, len(self._idle) + self._taken - self._size)]
            del self._idle[: len(surplus)]
        for other in surplus:
            self._dismiss(other)
        return Lease(self, link, born=self._monotonic(), generation=generation, epoch=epoch)

    def _give_back(self, lease: Lease) -> None:
        with self._lock:
            keep = lease.link.usable and lease.link.failure is None and self._may_live(lease)
            if keep:
                self._idle.insert(0 if lease.aside else len(self._idle), lease)
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
            and self._servers.trusts(lease.link.name, lease.epoch)
        )

    def _blame(self, lease: Lease, failure: DirectoryUnavailable) -> None:
        """Find out whose failure it is, the connection's or the server's."""
        name, epoch, allotted = lease.link.name, lease.epoch, lease.allotted
        if allotted.is_over() and allotted.seconds < self._fair_chance:
            return
        if isinstance(failure, ConnectionLost) and allotted.spent() < self._fair_chance:
            self._losses.lost(name, epoch, failure)
            if lease.kept:
                self._servers.distrust(name, epoch)
        else:
            # It may be this connection alone that hangs, as when a firewall has forgotten it.
            probe_now = not isinstance(failure, ServerAway)
            self._servers.failed(name, epoch, failure, probe_now=probe_now)

    def _dismiss(self, lease: Lease) -> None:
        """End a connection, with a farewell if it is alive."""
        lease.link.close(Deadline(_FAREWELL_SECONDS, self._monotonic))
