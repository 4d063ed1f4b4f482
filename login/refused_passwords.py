"""Passwords that were certainly wrong of late: their repetition needs no bind.

A forgotten program that sends an old password over and over would lock its owner out everywhere. Kept are 32
bits of a keyed digest, a few for each person, for minutes: enough to know a password again, and too little to
find one by.
"""

import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import TypeVar

from directory import Account, DirectoryUnavailable
from login.ports import RefusedPasswordRecord, RefusedPasswordRecords

T = TypeVar("T")

SECONDS = 900
"""For how long the store remembers one."""

_TAG_BYTES = 4
_BACK_OFF = 5.0


class RefusedPasswordCache:
    """Knows refused passwords again, where the store can say; else every one is new."""

    def __init__(
        self,
        store: RefusedPasswordRecords,
        key: bytes,
        *,
        trouble: type[Exception],
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        """Remember in a store.

        Args:
            store: shared by all workers and nodes.
            key: what the key of each person is derived from.
            trouble: what the store raises when it cannot read or write.
            clock: seconds since the epoch.
            monotonic: seconds since any moment.
        """
        self._store = store
        self._key = key
        self._trouble = trouble
        self._clock = clock
        self._monotonic = monotonic
        self._quiet_until = -_BACK_OFF

    def tag(self, whose: str, password: str) -> bytes:
        """32 bits of a digest, under a key of this person alone (the one step of HKDF, RFC 5869, 2.3).

        Args:
            whose: the person's stable id, or what stands for a name that is nobody's.
            password: as typed.
        """
        own_key = hmac.digest(self._key, whose.encode() + b"\x01", hashlib.sha256)
        encoded = password.encode(errors="surrogatepass")
        return hmac.digest(own_key, encoded, hashlib.sha256)[:_TAG_BYTES]

    def of(self, whose: str) -> Sequence[RefusedPasswordRecord]:
        """What was refused of late; nothing where the store cannot say."""
        return self._ask(lambda: self._store.of(whose, int(self._clock())), ())

    def remember(self, whose: str, client_id: str, tag: bytes, state: bytes) -> None:
        """Remember a refused password, with the state of the account that it was certainly wrong in.

        Args:
            whose: as `tag` takes it.
            client_id: the client that sent it.
            tag: as `tag` gave it.
            state: empty where nothing is certain.
        """
        at = int(self._clock())
        self._ask(lambda: self._store.remember(whose, client_id, tag, state, at), None)

    def _ask(self, question: Callable[[], T], otherwise: T) -> T:
        if self._monotonic() < self._quiet_until:
            return otherwise
        try:
            return question()
        except self._trouble:
            # Counting has the alarm: it is the same database.
            self._quiet_until = self._monotonic() + _BACK_OFF
            return otherwise


def certain_state(account: Account | None) -> bytes:
    """The state in which a refused password is certainly wrong; empty where a lock may have refused it.

    Args:
        account: whose password was just refused; None where none was shown.
    """
    try:
        return account.state if account is not None and account.is_unchanged() else b""
    except DirectoryUnavailable:
        return b""
