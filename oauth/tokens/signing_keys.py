"""Which key signs, and which keys are published. One key for each algorithm signs at any time.

A key is published before it signs, for as long as a verifier may cache the published keys (`JWKS_MAX_AGE`),
and then until the last token that it signed has ended. The first key of an algorithm signs at once. It is
made when the keys are first published or one must sign, so no verifier can have cached a document without it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from models import NewSigningKey, SigningKey, SigningKeyStore, StoreUnavailable
from oauth.tokens.jws import ALGORITHMS, Signer, generate, signer
from telemetry import AuditEvent

JWT_LIFETIME = 600
"""Seconds that a JWT of ours lives at most: a verifier that only checks signatures sees no revocation."""
JWKS_MAX_AGE = 3600
"""Seconds for which verifiers may cache the published keys."""
# Lifetime of the cache of keys, in each process of each node.
_CACHE_SECONDS = 30
LEAD = JWKS_MAX_AGE + 2 * _CACHE_SECONDS
_TAIL = JWT_LIFETIME + 2 * _CACHE_SECONDS


class SigningKeys:
    """Caches the signing keys for half a minute. `store` is the store that it reads."""

    def __init__(self, store: SigningKeyStore, clock: Callable[[], float]) -> None:
        self.store = store
        self._clock = clock
        self._cached: tuple[float, Sequence[SigningKey]] | None = None
        self._open: dict[str, Signer] = {}

    def signer(self, alg: str, at: int) -> Signer:
        """The key that signs at `at` (seconds since the epoch). The first key is made when it is needed.

        Raises:
            StoreUnavailable: the database cannot say, or the key cannot be opened.
        """
        self._make_first(alg)
        keys = self._of(alg)
        # If our clock is behind that of the node which made the first key, no key signs yet.
        return self._ready(next((key for key in keys if key.signs(at)), keys[-1]))

    def candidates(self, alg: str, at: int) -> Iterator[Signer]:
        """The keys that may have signed at `at`, the likeliest first: a process learns of a new key late.

        Args:
            alg: the algorithm.
            at: seconds since the epoch.

        Raises:
            StoreUnavailable: the database cannot say, or a key cannot be opened.
        """
        for key in sorted(self._of(alg), key=lambda key: not key.signs(at)):
            # A key that retired long ago may be encrypted under a server key that no longer exists.
            if key.retired_at is None or at < key.retired_at + 2 * _CACHE_SECONDS:
                yield self._ready(key)

    def published(self) -> list[dict[str, object]]:
        """The public keys that may have signed, or will soon sign, a live token (RFC 7517, 5).

        Raises:
            StoreUnavailable: the database cannot say.
        """
        # A database that can only be read still has the existing keys.
        with suppress(StoreUnavailable):
            for alg in ALGORITHMS:
                self._make_first(alg)
        now = int(self._clock())
        return [dict(key.public_jwk) for key in self._list() if key.is_published(now)]

    def trusted(self) -> list[dict[str, Any]]:
        """The public keys of every token that this server signed, however old the token is.

        Keys that were replaced at once are left out: one of them may have been stolen.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        return [
            dict(key.public_jwk)
            for key in self._list()
            if key.ends_at is None or key.ends_at - (key.retired_at or 0) >= _TAIL
        ]

    def rotate(self, events: Mapping[str, AuditEvent]) -> Sequence[SigningKey]:
        """Make keys that replace the signing ones once they have been published for long enough.

        All keys and their audit rows are stored in one transaction.

        Args:
            events: by algorithm, the audit row of its new key; its time is now.

        Returns:
            The keys as they are stored.

        Raises:
            StoreUnavailable: nothing was changed.
        """
        self._cached = None
        return self.store.rotate_all(_new_keys(events), lead=LEAD, tail=_TAIL)

    def replace(self, events: Mapping[str, AuditEvent]) -> Sequence[SigningKey]:
        """Make keys that replace all others at once, because a key may have been stolen.

        Args and errors as of `rotate`.
        """
        self._cached = None
        return self.store.replace_all(_new_keys(events))

    def _make_first(self, alg: str) -> None:
        if not self._of(alg):
            self.store.add_first(generate(alg), int(self._clock()))
            self._cached = None

    def _of(self, alg: str) -> Sequence[SigningKey]:
        return [key for key in self._list() if key.alg == alg]

    def _list(self) -> Sequence[SigningKey]:
        now, cached = self._clock(), self._cached
        if cached is None or not cached[0] <= now < cached[0] + _CACHE_SECONDS:
            cached = self._cached = now, self.store.list()
        return cached[1]

    def _ready(self, key: SigningKey) -> Signer:
        ready = self._open.get(key.kid)
        if ready is None:
            ready = self._open[key.kid] = signer(key.kid, key.alg, self.store.open(key))
        return ready


def _new_keys(events: Mapping[str, AuditEvent]) -> Sequence[tuple[NewSigningKey, AuditEvent]]:
    return [(generate(alg), event) for alg, event in events.items()]
