"""The server's keys by use, and the check at the start that no needed key is missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flask import Flask

import oauth
from models import (
    Encryptor,
    PersistentSecrets,
    SecretHasher,
    SigningKeyStore,
    persistent_secret_key_ids,
    secret_key_ids,
    signing_key_ids,
)
from settings import Settings
from settings.keyring import KeyRing, KeyringError, load_or_create


def open_keys(app: Flask, settings: Settings, instance: Path, clock: Callable[[], float]) -> KeyRing:
    """Open the server's keys, and refuse them if the database still needs another key.

    Args:
        app: the application, with its database.
        settings: the operator's settings.
        instance: the instance folder.
        clock: seconds since the epoch.

    Raises:
        KeyringError: a key is missing, or there is none.
        StoreUnavailable: the database cannot say.
    """
    with app.app_context():
        now = int(clock())
        ring = load_or_create(
            instance, settings.secret_keys, may_create=lambda: not any(_needed(now).values())
        )
        require_keys(ring, now)
    return ring


def require_keys(ring: KeyRing, now: int) -> None:
    """Refuse a ring that lacks a key which the database needs.

    Args:
        ring: the server's keys.
        now: seconds since the epoch.

    Raises:
        KeyringError: a key is missing.
        StoreUnavailable: the database cannot say.
    """
    known = {key.key_id for key in ring.derive("client secret")}
    for what, key_ids in _needed(now).items():
        if unknown := key_ids - known:
            raise KeyringError(
                f"The database holds {what} made under other server keys ({', '.join(sorted(unknown))}): "
                "add those keys to NETID_SECRET_KEY, behind the first."
            )


def secret_hasher(ring: KeyRing) -> SecretHasher:
    """Digests of client secrets."""
    return SecretHasher(_keys(ring, "client secret"))


def signing_keys(ring: KeyRing, clock: Callable[[], float]) -> oauth.SigningKeys:
    """The keys that sign tokens; `clock` gives seconds since the epoch."""
    return oauth.SigningKeys(SigningKeyStore(Encryptor(_keys(ring, "signing key"))), clock)


def persistent_secrets(ring: KeyRing, clock: Callable[[], float]) -> PersistentSecrets:
    """Secrets that stay when server keys change; `clock` gives seconds since the epoch."""
    return PersistentSecrets(Encryptor(_keys(ring, "kept secret")), clock)


def session_keys(ring: KeyRing) -> list[bytes]:
    """The keys that sign session cookies: the first signs, all verify."""
    return [key.key for key in ring.derive("session cookie")]


def _needed(now: int) -> dict[str, frozenset[str]]:
    """The ids of the server keys that the database needs, by what they made."""
    return {
        "client secrets": secret_key_ids(now),
        "kept secrets": persistent_secret_key_ids(),
        "signing keys": signing_key_ids(now),
    }


def _keys(ring: KeyRing, label: str) -> list[tuple[str, bytes]]:
    return [(key.key_id, key.key) for key in ring.derive(label)]
