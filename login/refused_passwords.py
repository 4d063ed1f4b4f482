"""Decides which repetitions of a refused password need no bind now.

A forgotten program that repeats an old password would lock its owner's account. The cache keeps
32 bits of a keyed digest, a few for each person, for minutes. That recognises a password, and is too little
to find one.

Where the entry shows when its password changed, a repetition is refused without a bind until the entry
changes. Where it does not, the password may have become right meanwhile. Then a repetition through the same
client is bound again once in five minutes, as long as the lockout protection has a bind to spare.

A right password that a rule refuses must not be told from a wrong one by its repetitions. It is bound, since
another client's rules may accept it, but counts as a repetition of a wrong one counts.
"""

import hashlib
import hmac
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from directory import Account, DirectoryUnavailable
from login.ports import FailureRecord, RefusedPasswordRecord, RefusedPasswordRecords

T = TypeVar("T")

SECONDS = 900
"""Lifetime of a cached password that was certainly wrong."""

UNCERTAIN_SECONDS = 3600
"""Lifetime of another one: as long as its bind counts against the lockout protection by default."""

HOLD_SECONDS = 300
"""Seconds from a client's bind for a person until it may bind again with a password that may be wrong."""

_TAG_BYTES = 4
_FINGERPRINT_BYTES = 8
# Seconds for which a store in trouble is not asked.
_BACK_OFF = 5.0


class RefusedPasswordCache:
    """Recognises refused passwords. If the store is away, every password counts as new."""

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

    def same(self, owner: str, password: str) -> Sequence[RefusedPasswordRecord]:
        """The records of a password, at most one for each client; none if the store is away.

        Args:
            owner: as `tag` takes it.
            password: as typed.
        """
        tag = self.tag(owner, password)
        none: Sequence[RefusedPasswordRecord] = ()
        records = self._ask(lambda: self._store.of(owner, int(self._clock())), none)
        return [each for each in records if each.tag == tag]

    def remember(self, owner: str, client_id: str, password: str, fingerprint: bytes) -> None:
        """Cache a refused password, with the fingerprint of the account for which it was certainly wrong.

        Args:
            owner: as `tag` takes it.
            client_id: the client that sent the password.
            password: as typed.
            fingerprint: empty where it is not certain that the password was wrong.
        """
        tag, at = self.tag(owner, password), int(self._clock())
        self._ask(lambda: self._store.remember(owner, client_id, tag, fingerprint, at), None)

    def keep(self, same: Sequence[RefusedPasswordRecord], owner: str, client_id: str, password: str) -> None:
        """Extend the lifetime of a password that is repeated and was not bound; at most once in five minutes.

        Args:
            same: the records of the password.
            owner: as `tag` takes it.
            client_id: the client that sent the password.
            password: as typed.
        """
        now = self._clock()
        if not any(each.client_id == client_id and each.at > now - HOLD_SECONDS for each in same):
            self.remember(owner, client_id, password, b"")

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


def accepted_fingerprint(fingerprint: bytes) -> bytes:
    """The fingerprint to cache a right password with that a rule refused. It equals no account's own.

    Args:
        fingerprint: of the account; empty where nothing is certain.
    """
    return hashlib.sha256(b"accepted" + fingerprint).digest()[:_FINGERPRINT_BYTES] if fingerprint else b""


def is_held(
    same: Sequence[RefusedPasswordRecord],
    failures: Sequence[FailureRecord],
    client_id: str,
    now: int,
    *,
    reasons: Collection[str] | None = None,
) -> bool:
    """Whether a password that may have become right is refused without a bind, for at most five minutes.

    Args:
        same: the records of the password.
        failures: the person's, newest first.
        client_id: the client that sends the password.
        now: seconds since the epoch.
        reasons: why the client's newest bind may have been refused; None for any reason. A bind that was
            refused for a lock says nothing about the password.
    """
    if all(each.client_id != client_id for each in same):
        return False
    binds = (each for each in failures if each.tried and each.client_id == client_id and not each.pending)
    newest = next(binds, None)
    if newest is None or newest.cleared or newest.at <= now - HOLD_SECONDS:
        return False
    return reasons is None or newest.reason in reasons
