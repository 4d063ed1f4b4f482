"""What a token looks like: a prefix, the moment it ends, 256 random bits, a checksum; or it is a JWT.

The prefix and checksum let a secret scanner recognise one, and let a look-up refuse junk without a query. The
token itself is opaque (RFC 6749, 1.4): nothing in it is secret but the random bits, and nothing is trusted.
Nor is a JWT (RFC 9068): what stands in one only says where to look, and the SHA-256 of the whole is then
found there or not. So no signature is verified here, and no header, algorithm or key of a caller's is heeded.
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
# and only one way to write each token.
_CHARACTERS = re.compile(r"[A-Za-z0-9_-]{56}")
RANDOM_OCTETS = 32
_CHECKSUM = 4
_STARTS = {kind: crc32(kind.encode("ascii")) for kind in (ACCESS, REFRESH)}
_STANDARD, _URL_SAFE = bytes.maketrans(b"-_", b"+/"), bytes.maketrans(b"+/", b"-_")
# The characters at the end of a token in which random bits and checksum are written: those of 36 bytes.
_AFTER_TIME = 48

_JWT = re.compile(r"eyJ[A-Za-z0-9_-]*\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+")
_JWT_LENGTH = 8192
_JTI_OCTETS = 16
_LAST_HOUR = 1 << 24


def mint(kind: str, ends: float, octets: bytes | None = None) -> str:
    """A fresh token.

    Args:
        kind: `ACCESS` or `REFRESH`.
        ends: when, in seconds since the epoch; a part of a second only says which was made before which.
        octets: 32 that nobody else can know; random ones if None.
    """
    body = moment_prefix(ends) + (octets or urandom(RANDOM_OCTETS))
    written = b2a_base64(body + _checksum(kind, body), newline=False)
    return kind + written.translate(_URL_SAFE).decode("ascii")


def key_of(kind: str, token: str) -> bytes | None:
    """The primary key that a token of this kind is stored under, or None if it cannot be one of ours.

    The key is the time that the token carries and its SHA-256: nothing of it opens anything.
    """
    if kind == ACCESS and token.startswith("eyJ"):
        ends = _claims(token).get("exp")
        # True is an int to Python.
        if type(ends) is not int or not 0 <= ends < _LAST_HOUR * 3600:
            return None
        return hour_prefix(ends) + sha256(token.encode("ascii")).digest()
    # The decoder itself skips what is not in the alphabet, and takes `+` for `-` and `/` for `_`.
    if not token.startswith(kind) or not _CHARACTERS.fullmatch(token, len(kind)):
        return None
    octets = token.encode("ascii")
    raw = a2b_base64(octets[len(kind) :].translate(_STANDARD))
    body, checksum = raw[:-_CHECKSUM], raw[-_CHECKSUM:]
    if checksum != _checksum(kind, body):
        return None
    return body[:-RANDOM_OCTETS] + sha256(octets).digest()


def stored_key(kind: str, token: str) -> bytes:
    """The primary key of a token that is one of ours, as `key_of` reads it.

    Raises:
        ValueError: it does not read as one of ours.
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
    """The identifier of a token that was found under `key`: a JWT's own, or a part of the other's digest."""
    if token.startswith("eyJ") and isinstance(jti := _claims(token).get("jti"), str):
        return jti
    return urlsafe_b64encode(key[-_JTI_OCTETS:]).decode("ascii").rstrip("=")


def last_second(key: bytes) -> int:
    """The last second (since the epoch) of the hour that a token says it ends in; then it may be purged."""
    return (int.from_bytes(key[:3], "big") + 1) * 3600 - 1


def _claims(token: str) -> dict[str, object]:
    """What a text says that may be a JWT; nothing where it is none. It is short, or it is not read at all."""
    match = _JWT.fullmatch(token) if len(token) <= _JWT_LENGTH else None
    if match is None:
        return {}
    try:
        claims = json.loads(urlsafe_b64decode(match[1] + "=" * (-len(match[1]) % 4)))
    # Python gives up on brackets in brackets in brackets before it runs out of stack.
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _checksum(kind: str, body: bytes) -> bytes:
    """That of the kind and the body together: what was begun with the kind goes on with the body."""
    return crc32(body, _STARTS[kind]).to_bytes(_CHECKSUM, "big")
