"""Which key signs, and which are published: one in force for each algorithm, those before it until their end.

A key is published before it signs, for as long as a verifier may keep what it read (`JWKS_MAX_AGE`), and then
until the last token that it signed has ended. The first of an algorithm, which signs at once, is made when
the keys are read or one must sign, whichever comes first: nobody keeps a document that it is missing from.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress

from models import NewSigningKey, SigningKey, SigningKeyStore, StoreUnavailable
from oauth.tokens.jws import ALGORITHMS, Signer, generate, signer
from telemetry import AuditEvent

JWT_LIFETIME = 600
"""Seconds that a JWT of ours lives at most: who checks it by signature alone sees no revocation."""
JWKS_MAX_AGE = 3600
"""Seconds for which the published keys may be kept."""
# A process looks again after this time; so does every node that publishes.
_LOOK_AGAIN = 30
LEAD = JWKS_MAX_AGE + 2 * _LOOK_AGAIN
_TAIL = JWT_LIFETIME + 2 * _LOOK_AGAIN


class SigningKeys:
    """The keys as this process knows them, no older than half a minute; `store` has them as they are."""

    def __init__(self, store: SigningKeyStore, clock: Callable[[], float]) -> None:
        self.store = store
        self._clock = clock
        self._known: tuple[float, Sequence[SigningKey]] | None = None
        self._open: dict[str, Signer] = {}

    def signer(self, alg: str, at: int) -> Signer:
        """The key that signs at `at` (seconds since the epoch); the first one is made when it is needed.

        Raises:
            StoreUnavailable: the database cannot say, or the key cannot be opened.
        """
        self._make_first(alg)
        keys = self._of(alg)
        # Where a clock is behind that of the node which made the first key, none is in force yet.
        return self._ready(next((key for key in keys if key.signs(at)), keys[-1]))

    def candidates(self, alg: str, at: int) -> Iterator[Signer]:
        """The keys that may have signed at `at`, likeliest first: a process learns of a change a little late.

        Args:
            alg: for which algorithm.
            at: seconds since the epoch.

        Raises:
            StoreUnavailable: the database cannot say, or a key cannot be opened.
        """
        for key in sorted(self._of(alg), key=lambda key: not key.signs(at)):
            # What signs no more for long may be sealed under a server key that is gone by now.
            if key.retired_at is None or at < key.retired_at + 2 * _LOOK_AGAIN:
                yield self._ready(key)

    def published(self) -> list[dict[str, object]]:
        """The public keys that may have signed, or will soon sign, a token that is live (RFC 7517, 5).

        Raises:
            StoreUnavailable: the database cannot say.
        """
        # A database that can be read alone still says what is there.
        with suppress(StoreUnavailable):
            for alg in ALGORITHMS:
                self._make_first(alg)
        now = int(self._clock())
        return [dict(key.public_jwk) for key in self._list() if key.is_published(now)]

    def rotate(self, events: Mapping[str, AuditEvent]) -> Sequence[SigningKey]:
        """Make keys that take the place of those in force once they have been published for long enough.

        All of them and their audit rows are one transaction.

        Args:
            events: by algorithm, the audit row of its new key; its time is now.

        Returns:
            The keys as they are stored.

        Raises:
            StoreUnavailable: nothing was changed.
        """
        self._known = None
        return self.store.rotate_all(_new_keys(events), lead=LEAD, tail=_TAIL)

    def replace(self, events: Mapping[str, AuditEvent]) -> Sequence[SigningKey]:
        """Make keys that take the place of all others at once, for a key may have been stolen.

        Args and errors as of `rotate`.
        """
        self._known = None
        return self.store.replace_all(_new_keys(events))

    def _make_first(self, alg: str) -> None:
        if not self._of(alg):
            self.store.add_first(generate(alg), int(self._clock()))
            self._known = None

    def _of(self, alg: str) -> Sequence[SigningKey]:
        return [key for key in self._list() if key.alg == alg]

    def _list(self) -> Sequence[SigningKey]:
        now, known = self._clock(), self._known
        if known is None or not known[0] <= now < known[0] + _LOOK_AGAIN:
            known = self._known = now, self.store.list()
        return known[1]

    def _ready(self, key: SigningKey) -> Signer:
        ready = self._open.get(key.kid)
        if ready is None:
            ready = self._open[key.kid] = signer(key.kid, key.alg, self.store.open(key))
        return ready


def _new_keys(events: Mapping[str, AuditEvent]) -> Sequence[tuple[NewSigningKey, AuditEvent]]:
    return [(generate(alg), event) for alg, event in events.items()]
