"""What a token looks like: a prefix, the hour it ends in, 256 random bits, a checksum.

The prefix and checksum let a secret scanner recognise one, and let a look-up refuse junk without a query. The
token itself is opaque (RFC 6749, 1.4): nothing in it is secret but the random bits, and nothing is trusted.
"""

import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from zlib import crc32

from models import hour_prefix

ACCESS = "nida_"
REFRESH = "nidr_"

# 3 bytes of time + 32 random + 4 of checksum = 39, which base64 writes in exactly 52 characters: no padding,
# and only one way to write each token.
_CHARACTERS = re.compile(r"[A-Za-z0-9_-]{52}")
_CHECKSUM = 4


def mint(kind: str, expires_at: int, octets: bytes | None = None) -> str:
    """A fresh token.

    Args:
        kind: `ACCESS` or `REFRESH`.
        expires_at: seconds since the epoch.
        octets: 32 that nobody else can know; random ones if None.
    """
    body = hour_prefix(expires_at) + (octets or secrets.token_bytes(32))
    return kind + urlsafe_b64encode(body + _checksum(kind, body)).decode("ascii")


def key_of(kind: str, token: str) -> bytes | None:
    """The primary key that a token of this kind is stored under, or None if it cannot be one of ours.

    The key is the hour the token ends in and the SHA-256 of the token: nothing of it opens anything.
    """
    # The decoder itself skips what is not in the alphabet, and takes `+` for `-` and `/` for `_`.
    if not token.startswith(kind) or not _CHARACTERS.fullmatch(token, len(kind)):
        return None
    raw = urlsafe_b64decode(token[len(kind) :])
    body, checksum = raw[:-_CHECKSUM], raw[-_CHECKSUM:]
    if checksum != _checksum(kind, body):
        return None
    return body[:3] + sha256(token.encode("ascii")).digest()


def stored_key(kind: str, token: str) -> bytes:
    """The primary key of a token that was just made.

    Raises:
        ValueError: it does not read as one of ours.
    """
    key = key_of(kind, token)
    if key is None:
        raise ValueError("a token of ours does not read as one")
    return key


def last_second(key: bytes) -> int:
    """The last second (since the epoch) of the hour that a token says it ends in; then it may be purged."""
    return (int.from_bytes(key[:3], "big") + 1) * 3600 - 1


def _checksum(kind: str, body: bytes) -> bytes:
    return crc32(kind.encode("ascii") + body).to_bytes(_CHECKSUM, "big")
