"""Failed authentications of clients, and the limits on them.

The counts are in the memory of this process: a right secret costs neither a query nor a write, and a flood of
wrong secrets writes nothing. Each worker has its own counts, so that all together allow the limit times the
workers. Owns: which counts a failure adds to, and which of them stop a right secret. Must not know: how a
client authenticates.
"""

import hashlib
import secrets
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from login.addresses import network_of
from login.limits.limits import Cause, ClientThrottled, Limit

# Failures that are kept, some 20 MB. With more, a worker cannot tell the sources of guesses apart: it accepts
# no secret from a new address that could be guessed there, because a flood must not empty the counts.
MAX_FAILURES = 20_000
MAX_GOOD_ADDRESSES = 10_000
# Seconds for which an address is a client's own after it authenticated from there.
_GOOD_SECONDS = 86_400
# Seconds after which a further success is noted.
_GOOD_REFRESH_SECONDS = 3600
_DIGEST_OCTETS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLimits:
    """How many failed authentications of clients are allowed; an empty tuple where a count is not limited.

    `address` bounds failures from one address, and separately failures of one client from one address.
    `client` bounds failures in the name of one client from all addresses.
    """

    address: tuple[Limit, ...] = ()
    client: tuple[Limit, ...] = ()


class _Key(NamedTuple):
    """What failures are counted by: a client, an address, or one client from one address."""

    client: bytes | None
    network: str | None


class _Keys(NamedTuple):
    place: tuple[str, str]
    both: _Key
    address: _Key
    client: _Key


class ClientFailureStats(NamedTuple):
    """What is kept in memory: failures, counts, addresses of clients, octets of the longest client key."""

    failures: int
    counts: int
    good_addresses: int
    longest_key: int


class ClientFailures:
    """The failures of this process, over sliding windows.

    An unknown client id counts as any other, so that the counts do not reveal which ids exist.
    """

    def __init__(self, limits: ClientLimits, *, monotonic: Callable[[], float]) -> None:
        """Begin with no failures.

        Args:
            limits: how many are allowed.
            monotonic: seconds since any moment.
        """
        self._limits = {
            Cause.CLIENT_AND_ADDRESS: _bounded(limits.address),
            Cause.ADDRESS: _bounded(limits.address),
            Cause.CLIENT: _bounded(limits.client),
        }
        self._longest = max((limit.seconds for limit in (*limits.address, *limits.client)), default=0)
        self._monotonic = monotonic
        self._failures: deque[tuple[float, Sequence[_Key]]] = deque()
        self._times: dict[_Key, list[float]] = {}
        self._good: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._digest_key = secrets.token_bytes(_DIGEST_OCTETS)
        self._lock = threading.Lock()

    def throttled(self, client_id: str, address: str) -> ClientThrottled | None:
        """The limit for which a secret is not accepted now, even a right one; None if it is accepted.

        After a client authenticated from an address, for a day only failures of this client from this address
        stop it. Failures elsewhere, or of other clients behind the same address, do not.

        Args:
            client_id: the client id in the request.
            address: where the request comes from.
        """
        if not self._failures:
            return None
        keys, now = self._keys(client_id, address), self._monotonic()
        with self._lock:
            self._forget(now)
            return self._stopped(keys, now)

    def count(self, client_id: str, address: str) -> None:
        """Count a failed authentication.

        Args:
            client_id: the client id in the request, known or not.
            address: where the request comes from.

        Raises:
            ClientThrottled: there were too many before.
        """
        if not self._longest:
            return
        keys, now = self._keys(client_id, address), self._monotonic()
        with self._lock:
            self._forget(now)
            stopped = self._stopped(keys, now)
            if stopped is not None:
                raise stopped
            # Even from an address of its own, a failing client gets the answer of any other client.
            wide = self._wide(keys, now)
            self._add(now, (keys.both, keys.address, keys.client))
        if wide is not None:
            raise wide

    def succeeded(self, client_id: str, address: str) -> None:
        """Note that a client has authenticated from an address.

        Args:
            client_id: the client.
            address: where the request comes from.
        """
        place, now = (client_id, network_of(address)), self._monotonic()
        if now - self._good.get(place, float("-inf")) < _GOOD_REFRESH_SECONDS:
            return
        with self._lock:
            self._good[place] = now
            self._good.move_to_end(place)
            if len(self._good) > MAX_GOOD_ADDRESSES:
                self._good.popitem(last=False)

    def stats(self) -> ClientFailureStats:
        """Count what this process keeps in memory."""
        with self._lock:
            longest = max((len(each.client) for each in self._times if each.client), default=0)
            return ClientFailureStats(len(self._failures), len(self._times), len(self._good), longest)

    def _keys(self, client_id: str, address: str) -> _Keys:
        octets = client_id.encode("utf-8", "surrogatepass")
        client = hashlib.blake2b(octets, digest_size=_DIGEST_OCTETS, key=self._digest_key).digest()
        network = network_of(address)
        place = client_id, network
        return _Keys(place, _Key(client, network), _Key(None, network), _Key(client, None))

    def _stopped(self, keys: _Keys, now: float) -> ClientThrottled | None:
        pair = self._over(Cause.CLIENT_AND_ADDRESS, keys.both, now)
        good_since = self._good.get(keys.place)
        if pair is not None or (good_since is not None and now - good_since < _GOOD_SECONDS):
            return pair
        return self._wide(keys, now)

    def _wide(self, keys: _Keys, now: float) -> ClientThrottled | None:
        return (
            self._over(Cause.ADDRESS, keys.address, now)
            or self._over(Cause.CLIENT, keys.client, now)
            or self._full(now)
        )

    def _full(self, now: float) -> ClientThrottled | None:
        if len(self._failures) < MAX_FAILURES:
            return None
        return ClientThrottled(Cause.SERVER, self._failures[0][0] + self._longest - now)

    def _over(self, cause: Cause, key: _Key, now: float) -> ClientThrottled | None:
        times = self._times.get(key)
        if times is None:
            return None
        left = max((_left(limit, times, now) for limit in self._limits[cause]), default=0.0)
        return ClientThrottled(cause, left) if left > 0 else None

    def _add(self, now: float, keys: Sequence[_Key]) -> None:
        self._failures.append((now, keys))
        for key in keys:
            self._times.setdefault(key, []).append(now)
        if len(self._failures) > MAX_FAILURES:
            self._drop_oldest()

    def _forget(self, now: float) -> None:
        """Drop what is older than any window."""
        while self._failures and self._failures[0][0] <= now - self._longest:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        _, keys = self._failures.popleft()
        for key in keys:
            times = self._times[key]
            del times[0]
            if not times:
                del self._times[key]


def _bounded(limits: Sequence[Limit]) -> tuple[Limit, ...]:
    """The limits, capped at the failures that are kept: a higher limit would never be reached."""
    return tuple(Limit(min(each.amount, MAX_FAILURES), each.seconds) for each in limits)


def _left(limit: Limit, times: Sequence[float], now: float) -> float:
    """Seconds until the limit is no longer reached; 0 or less if it is not."""
    return times[-limit.amount] + limit.seconds - now if len(times) >= limit.amount else 0.0
