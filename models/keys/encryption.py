"""Encryption of what the database must keep but not show: AES-256-GCM under the server's keys."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_LENGTH = 12


class DecryptionFailed(Exception):
    """A ciphertext cannot be decrypted; the message is one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Encryptor:
    """Encrypts under the server's keys, `(key_id, key)` of 32 bytes each: the first encrypts, all decrypt."""

    keys: Sequence[tuple[str, bytes]] = field(repr=False)

    @property
    def key_id(self) -> str:
        """The id of the key that encrypts."""
        return self.keys[0][0]

    def encrypt(self, plain: bytes, name: str) -> tuple[str, bytes]:
        """Encrypt, and return the id of the key with the ciphertext.

        Args:
            plain: the secret.
            name: what it is, as associated data. Decryption under another name fails, so that no row can take
                the place of another.
        """
        key_id, key = self.keys[0]
        nonce = secrets.token_bytes(_NONCE_LENGTH)
        return key_id, nonce + AESGCM(key).encrypt(nonce, plain, name.encode())

    def decrypt(self, key_id: str, encrypted: bytes, name: str) -> bytes:
        """Decrypt what `encrypt` returned.

        Args:
            key_id: the id of the key that encrypted it.
            encrypted: the ciphertext.
            name: the name that it was encrypted with.

        Raises:
            DecryptionFailed: the key is not in the ring, or the ciphertext was changed.
        """
        key = dict(self.keys).get(key_id)
        if key is None:
            raise DecryptionFailed(
                f"the server key {key_id}, under which {name} is encrypted, is not in NETID_SECRET_KEY"
            )
        try:
            return AESGCM(key).decrypt(encrypted[:_NONCE_LENGTH], encrypted[_NONCE_LENGTH:], name.encode())
        except (InvalidTag, ValueError):
            raise DecryptionFailed(
                f"{name} is not what was encrypted under the server key {key_id}"
            ) from None
