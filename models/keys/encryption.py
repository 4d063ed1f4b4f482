"""Sealing what the database must keep but not show: AES-256-GCM under the server's keys."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12


class DecryptionFailed(Exception):
    """What was sealed cannot be opened; the message is one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Encryptor:
    """Seals under the server's keys: `(key_id, key)` of 32 bytes each, the first seals, all open."""

    keys: Sequence[tuple[str, bytes]] = field(repr=False)

    @property
    def key_id(self) -> str:
        """The id of the key that seals."""
        return self.keys[0][0]

    def seal(self, plain: bytes, name: str) -> tuple[str, bytes]:
        """The id of the key that seals, and what it made.

        Args:
            plain: what nobody shall read.
            name: what it is: opened under another name it is broken, so that no row can take another's place.
        """
        key_id, key = self.keys[0]
        nonce = secrets.token_bytes(_NONCE)
        return key_id, nonce + AESGCM(key).encrypt(nonce, plain, name.encode())

    def open(self, key_id: str, sealed: bytes, name: str) -> bytes:
        """What was sealed.

        Args:
            key_id: of the key that sealed it.
            sealed: what `seal` made.
            name: as it was sealed.

        Raises:
            SealBroken: its key is not in the ring, or it is not what was sealed.
        """
        key = dict(self.keys).get(key_id)
        if key is None:
            raise DecryptionFailed(
                f"the server key {key_id}, under which {name} is sealed, is not in NETID_SECRET_KEY"
            )
        try:
            return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], name.encode())
        except (InvalidTag, ValueError):
            raise DecryptionFailed(f"{name} is not what was sealed under the server key {key_id}") from None
