"""How secrets and tokens stand at rest, and the time that orders them.

Client secrets are kept as HMAC-SHA-256 under the server's key: ours have 256 bits, so a slow hash would buy
nothing, and the key makes a stolen dump useless even for weak ones that were imported.
"""

import hmac
import secrets
from collections.abc import Sequence
from hashlib import sha256
from os import urandom

_HOUR = 3600
_PREFIX = 3
# Of a second: what one worker stores in such a time fits on a page.
_PARTS = 256
_HASHED = b"\xff"
_SECRET_PREFIX, _SECRET_LENGTH = "nids_", 48


def hour_prefix(at: int) -> bytes:
    """The hour that `at` (seconds since the epoch) lies in, as the first three bytes of a key.

    A whole hour can be dropped by key alone.
    """
    return (at // _HOUR).to_bytes(_PREFIX, "big")


def moment_prefix(at: float) -> bytes:
    """The hour that `at` (seconds since the epoch) lies in, and the place in it, as a key's first six bytes.

    Neighbours in time become neighbours on disk: rows of one time fill a page one after the other, and are
    dropped page by page. In any order they would change a page each.
    """
    hour, part = divmod(int(at * _PARTS), _HOUR * _PARTS)
    return hour.to_bytes(_PREFIX, "big") + part.to_bytes(_PREFIX, "big")


def new_grant_id(at: float) -> bytes:
    """A fresh primary key for a grant made at `at` (seconds since the epoch): its moment, 104 random bits."""
    return moment_prefix(at) + urandom(13)


def make_secret() -> str:
    """A fresh client secret: a recognisable prefix and 256 random bits, in letters that need no encoding."""
    return _SECRET_PREFIX + secrets.token_urlsafe(32)


def has_our_form(secret: str) -> bool:
    """Whether a client secret looks like one of `make_secret`: nobody can guess such a one.

    Args:
        secret: as presented.
    """
    return len(secret) == _SECRET_LENGTH and secret.startswith(_SECRET_PREFIX)


class SecretHasher:
    """Digests of client secrets under the server's keys: `(key_id, key)`, the first makes, all verify."""

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        """Take the keys.

        Args:
            keys: each with its id; the first makes.
        """
        self.keys = tuple(keys)
        # Copied for each secret: a key is hashed once.
        self._begun = [(key_id, hmac.new(key, digestmod="sha256")) for key_id, key in keys]

    def digest(self, secret: str) -> tuple[str, bytes]:
        """The id of the key that makes, and the HMAC of `secret` under it."""
        key_id, begun = self._begun[0]
        return key_id, _digest(begun, _octets(secret))

    def digest_of_sha256(self, known: bytes) -> tuple[str, bytes]:
        """As `digest`, of a secret of which only the SHA-256 is known: its old server kept no more.

        The two kinds never meet: no text's UTF-8 begins with the octet that marks this one, so that the hash
        itself, presented as a secret, opens nothing.
        """
        key_id, begun = self._begun[0]
        return key_id, _digest(begun, _HASHED + known)

    def matches(
        self, presented: Sequence[str], stored: Sequence[tuple[str, bytes]], *, whole: bool = False
    ) -> tuple[bool, ...]:
        """For each stored `(key_id, digest)`, whether any presented secret has it. No early exit.

        Only a secret that is none of ours is read as one that came by its SHA-256: that one matched may be
        seen by the time, as by the answer; which, and how near others came, may not.

        Args:
            presented: the readings of one credential (raw, form-decoded).
            stored: digests of the secrets that count; where there are none, give one that cannot match, so
                that an unknown client costs the same.
            whole: whether a match costs as much as none, for an answer that does not tell of it.
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
                mine = _digest(begun, each)
                for place, (kept_under, kept) in enumerate(stored):
                    if kept_under == key_id and hmac.compare_digest(mine, kept):
                        found[place] = True
        return tuple(found)


def _octets(secret: str) -> bytes:
    return secret.encode("utf-8", "surrogatepass")


def _digest(begun: hmac.HMAC, octets: bytes) -> bytes:
    made = begun.copy()
    made.update(octets)
    return made.digest()
