"""A cache of passwords that the directory certainly refused: their repetition needs no bind.

A forgotten program that sends an old password over and over would lock its owner's account. The cache keeps
32 bits of a keyed digest, a few for each person, for minutes. That recognises a password, and is too little
to find one.
"""

import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import TypeVar

from directory import Account, DirectoryUnavailable
from login.ports import RefusedPasswordRecord, RefusedPasswordRecords

T = TypeVar("T")

SECONDS = 900
"""Lifetime of a cached password."""

_TAG_BYTES = 4
# Seconds for which a store in trouble is not asked.
_BACK_OFF = 5.0


class RefusedPasswordCache:
    """Recognises refused passwords. Where the store cannot say, every password counts as new."""

    def __init__(
        self,
        store: RefusedPasswordRecords,
        key: bytes,
        trouble: type[Exception],
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        """Take the store.

        Args:
            store: shared by all workers and nodes.
            key: the key of each person is derived from it.
            trouble: the exception that the store raises when it cannot read or write.
            clock: seconds since the epoch.
            monotonic: seconds since any moment.
        """
        self._store = store
        self._key = key
        self._trouble = trouble
        self._clock = clock
        self._monotonic = monotonic
        self._asks_again_at = -_BACK_OFF

    def tag(self, owner: str, password: str) -> bytes:
        """32 bits of a digest under a key of this person alone (the one step of HKDF, RFC 5869, section 2.3).

        Args:
            owner: the person's stable id, or the digest of a name that leads to no person.
            password: as typed.
        """
        own_key = hmac.digest(self._key, owner.encode() + b"\x01", hashlib.sha256)
        encoded = password.encode(errors="surrogatepass")
        return hmac.digest(own_key, encoded, hashlib.sha256)[:_TAG_BYTES]

    def of(self, owner: str) -> Sequence[RefusedPasswordRecord]:
        """The cached passwords of an owner; none where the store cannot say.

        Args:
            owner: as `tag` takes it.
        """
        return self._ask(lambda: self._store.of(owner, int(self._clock())), ())

    def remember(self, owner: str, client_id: str, tag: bytes, fingerprint: bytes) -> None:
        """Cache a refused password, with the fingerprint of the account for which it was certainly wrong.

        Args:
            owner: as `tag` takes it.
            client_id: the client that sent the password.
            tag: as `tag` returned it.
            fingerprint: empty where it is not certain that the password was wrong.
        """
        at = int(self._clock())
        self._ask(lambda: self._store.remember(owner, client_id, tag, fingerprint, at), None)

    def _ask(self, question: Callable[[], T], fallback: T) -> T:
        if self._monotonic() < self._asks_again_at:
            return fallback
        try:
            return question()
        except self._trouble:
            # No alarm here: the failures are in the same database, and raise it.
            self._asks_again_at = self._monotonic() + _BACK_OFF
            return fallback


def certain_fingerprint(account: Account | None) -> bytes:
    """The fingerprint for which a refused password is certainly wrong; empty where a lock may be the cause.

    Args:
        account: whose password was just refused; None where no account was found.
    """
    try:
        return account.fingerprint if account is not None and account.is_unchanged() else b""
    except DirectoryUnavailable:
        return b""
