"""The format of an app password: a prefix, 256 random bits, a checksum.

The prefix lets a secret scanner recognise one, and keeps one from ever being sent to a directory. The
checksum lets a mistyped one be refused without a query. Only the digest of a value is stored: 256 random bits
need no slow hash.
"""

import re
from base64 import urlsafe_b64encode
from hashlib import sha256
from os import urandom
from typing import Final
from unicodedata import normalize
from zlib import crc32

PREFIX: Final = "nidp_"
"""What every app password begins with."""

_RANDOM_OCTETS = 32
# 43 characters of random bits and 6 of checksum, both in base64url without padding (RFC 4648, section 5).
_VALUE: Final = re.compile(r"nidp_[A-Za-z0-9_-]{49}")
_CHECKSUM_CHARACTERS = 6
# Copied values come with white space, invisible characters, quotes or brackets before them, and editors
# change the case of a first letter.
_LIKE_ONE: Final = re.compile(r"[\W_]*nidp_", re.IGNORECASE)
# The start of a text outside ASCII that is normalised: a prefix in full-width letters looks like ours.
_MAX_NORMALISED = 64


def new_app_password() -> str:
    """Make an app password of 256 random bits. It is shown once, and only its digest is stored."""
    body = PREFIX + _base64(urandom(_RANDOM_OCTETS))
    return body + _checksum(body)


def is_app_password(text: str) -> bool:
    """Tell whether a text looks like an app password: such a text is never sent to a directory.

    A mistyped one looks like one too. Case is ignored, and so is what is no letter or digit before the
    prefix.

    Args:
        text: as typed, in the field of a password or of a login name.
    """
    if _LIKE_ONE.match(text) is not None:
        return True
    if text.isascii():
        return False
    return _LIKE_ONE.match(normalize("NFKC", text.lstrip()[:_MAX_NORMALISED])) is not None


def digest_of(value: str) -> bytes | None:
    """Compute the digest under which an app password is stored; None if it is malformed or mistyped.

    Args:
        value: as typed. One in another case, or with white space around it, is mistyped.
    """
    if _VALUE.fullmatch(value) is None:
        return None
    body, checksum = value[:-_CHECKSUM_CHARACTERS], value[-_CHECKSUM_CHARACTERS:]
    return sha256(value.encode("ascii")).digest() if checksum == _checksum(body) else None


def _checksum(body: str) -> str:
    return _base64(crc32(body.encode("ascii")).to_bytes(4, "big"))


def _base64(octets: bytes) -> str:
    return urlsafe_b64encode(octets).decode("ascii").rstrip("=")
