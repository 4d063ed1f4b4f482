"""The format of a token: a prefix, the time at which it ends, 256 random bits, a checksum; or a JWT.

The prefix and the checksum let a secret scanner recognise a token, and let a look-up refuse junk without a
query. The token is opaque (RFC 6749, 1.4): only its random bits are secret, and none of it is trusted. A JWT
(RFC 9068) is not trusted either: its `exp` only says where to look, and the SHA-256 of the whole JWT is found
there or not. So no signature is verified here, and no header, algorithm or key from the caller is used.
"""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import a2b_base64, b2a_base64
from hashlib import sha256
from os import urandom
from zlib import crc32

from models import hour_prefix, moment_prefix

ACCESS = "nida_"
REFRESH = "nidr_"

# 6 bytes of time + 32 random + 4 of checksum = 42, which base64 writes in exactly 56 characters: no padding,
# and each token can be written in one way only.
_CHARACTERS = re.compile(r"[A-Za-z0-9_-]{56}")
RANDOM_OCTETS = 32
_CHECKSUM = 4
_STARTS = {kind: crc32(kind.encode("ascii")) for kind in (ACCESS, REFRESH)}
_STANDARD, _URL_SAFE = bytes.maketrans(b"-_", b"+/"), bytes.maketrans(b"+/", b"-_")
# The last characters of a token, which hold the 36 bytes of random bits and checksum.
_AFTER_TIME = 48

_JWT = re.compile(r"eyJ[A-Za-z0-9_-]*\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+")
_JWT_LENGTH = 8192
_JTI_OCTETS = 16
_LAST_HOUR = 1 << 24


def mint(kind: str, ends: float, octets: bytes | None = None) -> str:
    """A fresh token.

    Args:
        kind: `ACCESS` or `REFRESH`.
        ends: when it ends, in seconds since the epoch. The fraction only orders tokens of the same second.
        octets: 32 secret octets; random ones if None.
    """
    body = moment_prefix(ends) + (octets or urandom(RANDOM_OCTETS))
    written = b2a_base64(body + _checksum(kind, body), newline=False)
    return kind + written.translate(_URL_SAFE).decode("ascii")


def key_of(kind: str, token: str) -> bytes | None:
    """The primary key under which a token of this kind is stored, or None if it cannot be one of ours.

    The key is the time that the token carries, and its SHA-256. A key cannot be used as a token.
    """
    if kind == ACCESS and token.startswith("eyJ"):
        ends = _claims(token).get("exp")
        # True is an int to Python.
        if type(ends) is not int or not 0 <= ends < _LAST_HOUR * 3600:
            return None
        return hour_prefix(ends) + sha256(token.encode("ascii")).digest()
    # The decoder itself skips characters outside the alphabet, and takes `+` for `-` and `/` for `_`.
    if not token.startswith(kind) or not _CHARACTERS.fullmatch(token, len(kind)):
        return None
    octets = token.encode("ascii")
    raw = a2b_base64(octets[len(kind) :].translate(_STANDARD))
    body, checksum = raw[:-_CHECKSUM], raw[-_CHECKSUM:]
    if checksum != _checksum(kind, body):
        return None
    return body[:-RANDOM_OCTETS] + sha256(octets).digest()


def stored_key(kind: str, token: str) -> bytes:
    """The primary key of a token that we made, as `key_of` would find it.

    Raises:
        ValueError: the token does not have our format.
    """
    if token.startswith(kind):
        octets = token.encode("ascii")
        time = octets[len(kind) : -_AFTER_TIME].translate(_STANDARD)
        return a2b_base64(time) + sha256(octets).digest()
    key = key_of(kind, token)
    if key is None:
        raise ValueError("a token of ours does not read as one")
    return key


def jti_of(token: str, key: bytes) -> str:
    """The identifier of a token that is stored under `key`: a JWT's own `jti`, else a part of the digest."""
    if token.startswith("eyJ") and isinstance(jti := _claims(token).get("jti"), str):
        return jti
    return urlsafe_b64encode(key[-_JTI_OCTETS:]).decode("ascii").rstrip("=")


def last_second(key: bytes) -> int:
    """The last second (since the epoch) of the hour in which the token ends. Then it may be purged."""
    return (int.from_bytes(key[:3], "big") + 1) * 3600 - 1


def _claims(token: str) -> dict[str, object]:
    """The claims of a JWT; none if the text is not a JWT, or is too long to be one of ours."""
    match = _JWT.fullmatch(token) if len(token) <= _JWT_LENGTH else None
    if match is None:
        return {}
    try:
        claims = json.loads(urlsafe_b64decode(match[1] + "=" * (-len(match[1]) % 4)))
    # Deeply nested brackets exceed Python's recursion limit.
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _checksum(kind: str, body: bytes) -> bytes:
    """The checksum of the kind and the body. That of the kind is computed beforehand."""
    return crc32(body, _STARTS[kind]).to_bytes(_CHECKSUM, "big")
