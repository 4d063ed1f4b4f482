"""Digests of client secrets, and the time prefixes of keys.

Client secrets are stored as HMAC-SHA-256 under the server's key. Generated secrets have 256 bits, so a slow
hash would gain nothing; the key makes a stolen dump useless even for imported weak secrets.
"""

import hmac
import secrets
from collections.abc import Sequence
from hashlib import sha256
from os import urandom

_HOUR = 3600
_PREFIX = 3
# Parts of a second: what one worker stores in that time fits on a page.
_PARTS = 256
_HASHED = b"\xff"
_SECRET_PREFIX, _SECRET_LENGTH = "nids_", 48


def hour_prefix(at: int) -> bytes:
    """The hour of `at` (seconds since the epoch), as the first three bytes of a key.

    The purge deletes a whole hour as one range of keys.
    """
    return (at // _HOUR).to_bytes(_PREFIX, "big")


def moment_prefix(at: float) -> bytes:
    """The hour of `at` (seconds since the epoch) and the place in it, as the first six bytes of a key.

    Rows of one time share a page on disk, and are deleted page by page. In random order, each row would
    change a page of its own.
    """
    hour, part = divmod(int(at * _PARTS), _HOUR * _PARTS)
    return hour.to_bytes(_PREFIX, "big") + part.to_bytes(_PREFIX, "big")


def moment_of(key: bytes) -> int:
    """The time of a key that begins with `moment_prefix`, in seconds since the epoch."""
    hour, part = key[:_PREFIX], key[_PREFIX : 2 * _PREFIX]
    return int.from_bytes(hour, "big") * _HOUR + int.from_bytes(part, "big") // _PARTS


def new_grant_id(at: float) -> bytes:
    """A new primary key for a grant made at `at` (seconds since the epoch): its time and 104 random bits."""
    return moment_prefix(at) + urandom(13)


def make_secret() -> str:
    """A new client secret: a recognisable prefix and 256 random bits, in characters that need no encoding."""
    return _SECRET_PREFIX + secrets.token_urlsafe(32)


def has_our_form(secret: str) -> bool:
    """Whether a client secret has the form of `make_secret`: nobody can guess such a secret.

    Args:
        secret: as presented.
    """
    return len(secret) == _SECRET_LENGTH and secret.startswith(_SECRET_PREFIX)


class SecretHasher:
    """Digests of client secrets under the server's keys: the first `(key_id, key)` makes, all verify."""

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        """Take the keys.

        Args:
            keys: each with its id; the first makes.
        """
        self.keys = tuple(keys)
        # Copied for each secret, so that a key is hashed only once.
        self._begun = [(key_id, hmac.new(key, digestmod="sha256")) for key_id, key in keys]

    def digest(self, secret: str) -> tuple[str, bytes]:
        """The id of the first key, and the HMAC of `secret` under it."""
        key_id, begun = self._begun[0]
        return key_id, keyed_digest(begun, _octets(secret))

    def digest_of_sha256(self, known: bytes) -> tuple[str, bytes]:
        """As `digest`, for a secret whose old server kept only the SHA-256.

        A marker octet that begins no UTF-8 text keeps the two kinds apart, so that the hash itself, presented
        as a secret, does not match.
        """
        key_id, begun = self._begun[0]
        return key_id, keyed_digest(begun, _HASHED + known)

    def matches(
        self, presented: Sequence[str], stored: Sequence[tuple[str, bytes]], *, whole: bool = False
    ) -> tuple[bool, ...]:
        """For each stored `(key_id, digest)`, whether any presented secret matches. No early exit.

        Tries the imported SHA-256 form only if no other secret matches. The time may reveal that a secret
        matched, as the answer does, but not which, nor how near others came.

        Args:
            presented: the readings of one credential (raw, form-decoded).
            stored: the digests of valid secrets. If there are none, pass one of no secret, so that an
                unknown client costs the same.
            whole: whether a match costs as much as a mismatch, for an answer that does not reveal it.
        """
        octets = [_octets(secret) for secret in presented]
        found = self._matches(octets, stored)
        if True in found and not whole:
            return found
        imported = self._matches([_HASHED + sha256(each).digest() for each in octets], stored)
        return found if True in found else imported

    def _matches(self, octets: Sequence[bytes], stored: Sequence[tuple[str, bytes]]) -> tuple[bool, ...]:
        found = [False] * len(stored)
        for key_id, begun in self._begun:
            for each in octets:
                mine = keyed_digest(begun, each)
                for place, (kept_under, kept) in enumerate(stored):
                    if kept_under == key_id and hmac.compare_digest(mine, kept):
                        found[place] = True
        return tuple(found)


def _octets(secret: str) -> bytes:
    return secret.encode("utf-8", "surrogatepass")


def keyed_digest(begun: hmac.HMAC, octets: bytes) -> bytes:
    """The digest of `octets` under the key that `begun` was begun with."""
    made = begun.copy()
    made.update(octets)
    return made.digest()
