"""Handles: random texts that name a stored row for a short time, such as an authorization code.

The database holds the SHA-256 of a handle, so nobody who reads it can use one. A handle is sent through
browsers, and so it has no prefix by which a secret scanner would know it.
"""

import re
import secrets
from hashlib import sha256
from typing import NamedTuple

_OCTETS = 32
_HANDLE = re.compile(r"[A-Za-z0-9_-]{43}")


class Handle(NamedTuple):
    """A new handle, and the key under which its row is stored."""

    text: str
    key: bytes


def new_handle() -> Handle:
    """A handle with 256 random bits."""
    text = secrets.token_urlsafe(_OCTETS)
    return Handle(text, sha256(text.encode("ascii")).digest())


def handle_key(text: str) -> bytes | None:
    """The key of a handle that was sent; None if it cannot be one, which saves the look-up.

    Args:
        text: as it was sent.
    """
    return sha256(text.encode("ascii")).digest() if _HANDLE.fullmatch(text) else None
