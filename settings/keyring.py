"""The keys of the server, all derived from one secret root that the operator holds.

Owns: the ring of root keys (the first makes, all verify), where it comes from, and the derivation of one key
for each use. Must not know: what a derived key is used for, the settings object, the database.
"""

import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.private_files import NotPrivate, make_folder, read_secret, refuse_open_folder
from settings.weak_keys import KEY_MIN_LENGTH, weakness

KEY_FILE_NAME = "secret.key"
_KEY_ID_LABEL = "key id"
_KEY_BYTES = 32
_KEY_ID_BYTES = 8


class KeyringError(Exception):
    """The server has no usable root key; the message is one sentence for the operator, without key text."""


@dataclass(frozen=True, slots=True)
class DerivedKey:
    """A key for one use: `key` is secret, `key_id` is a public fingerprint of the root that it came from."""

    key_id: str
    key: bytes = field(repr=False)


class KeyRing:
    """The root keys, of which only derived keys ever leave.

    The first key makes, all verify: a new key is put in front, and the old one goes when nothing needs it any
    more. A key that stands in the ring twice counts once.
    """

    __slots__ = ("_roots",)

    def __init__(self, keys: Sequence[str], origin: str = "The ring of server keys") -> None:
        """Take the ring over.

        Args:
            keys: Root keys, the making one first; each of `KEY_MIN_LENGTH` random characters or more.
            origin: Where they came from, to begin a sentence with.

        Raises:
            KeyringError: There is no key, or one is too short, or could be guessed.
        """
        if not keys:
            raise KeyringError(f"{origin} holds no key.")
        if any(len(key) < KEY_MIN_LENGTH for key in keys):
            raise KeyringError(
                f"{origin} holds too short a key: each needs {KEY_MIN_LENGTH} random characters or more."
            )
        for fault in filter(None, map(weakness, keys)):
            raise KeyringError(f"{origin} holds a key that {fault}: make one with openssl rand -hex 32")
        self._roots = tuple(dict.fromkeys(key.encode() for key in keys))

    def derive(self, label: str) -> tuple[DerivedKey, ...]:
        """Derive the keys for one use, in the order of the ring.

        Args:
            label: Names the use; no two uses share a label, and so none shares a key.

        Returns:
            One key of 32 bytes for each root; the first makes, all verify.

        Raises:
            ValueError: The label is empty, or is the one that public fingerprints are made with.
        """
        if not label or label == _KEY_ID_LABEL:
            raise ValueError(f"A key cannot be derived with the label {label!r}.")
        return tuple(DerivedKey(_key_id(root), _hkdf(root, label)) for root in self._roots)

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(_key_id(root) for root in self._roots)})"


def load_or_create(
    instance: Path, configured: Sequence[str] | None, *, may_create: Callable[[], bool]
) -> KeyRing:
    """Find the ring of root keys, or make the first key of a new installation.

    Configured keys win; else the file `secret.key` in the instance folder; else a key is made there, but only
    where nothing was stored yet: with a new key, rows made under a lost one could never be verified.

    Args:
        instance: The instance folder; made, for its owner alone, when a key file is looked for in it.
        configured: The keys from the settings, or None when none were given.
        may_create: Says whether a key may be made (the database is empty); asked only when there is none.

    Returns:
        The ring.

    Raises:
        KeyringError: There is no key and none may be made, or the key file cannot be used.
    """
    if configured is not None:
        return KeyRing(configured, "NETID_SECRET_KEY")
    make_instance_folder(instance)
    path = instance / KEY_FILE_NAME
    ring = _read(path)
    if ring is None and may_create():
        _create(path)
        ring = _read(path)
    elif ring is None:
        # Another process may have made the key, and stored its first rows, between the two questions.
        ring = _read(path)
    if ring is None:
        raise KeyringError(
            "The database holds rows, but the server key that they were made with is missing: "
            f"set NETID_SECRET_KEY, or restore {path}."
        )
    return ring


def make_instance_folder(instance: Path) -> None:
    """Make the instance folder if it is missing, for its owner alone: it holds the key and the database.

    Args:
        instance: The instance folder.

    Raises:
        KeyringError: It cannot be made, or every user may write to it.
    """
    try:
        make_folder(instance)
        refuse_open_folder(instance)
    except NotPrivate as refused:
        raise KeyringError(f"NETID_INSTANCE_PATH {refused}.") from None
    except OSError as error:
        raise KeyringError(f"The instance folder {instance} cannot be made: {error.strerror}.") from None


def _hkdf(root: bytes, label: str) -> bytes:
    """Derive 32 bytes (HKDF-SHA256, RFC 5869) for one label."""
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=label.encode()).derive(root)


def _key_id(root: bytes) -> str:
    """Fingerprint a root key; being derived by a label of its own, it tells nothing about any other key."""
    return _hkdf(root, _KEY_ID_LABEL)[:_KEY_ID_BYTES].hex()


def _read(path: Path) -> KeyRing | None:
    """Read a ring from a file; None when there is no such file."""
    try:
        content = read_secret(path)
    except FileNotFoundError:
        return None
    except NotPrivate as refused:
        # No full stop at the end: a command may stand there, to be copied.
        stop = "" if str(path) in str(refused) else "."
        raise KeyringError(f"The server key file {path} {refused}{stop}") from None
    except OSError as error:
        raise KeyringError(f"The server key file {path} cannot be read: {error.strerror}.") from None
    try:
        return KeyRing(content.decode().split(), f"The server key file {path}")
    except UnicodeDecodeError:
        raise KeyringError(f"The server key file {path} is not text.") from None


def _create(path: Path) -> None:
    """Make a key of 256 bits; where several processes try at once, one wins and the others change nothing."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with open(descriptor, "w", encoding="ascii") as file:  # noqa: PTH123 - a descriptor, not a path
                file.write(secrets.token_urlsafe(_KEY_BYTES) + "\n")
                file.flush()
                os.fsync(descriptor)
            # A link appears whole or not at all and never replaces, so that no reader sees half a key and no
            # key that is in use is lost. Renaming would replace.
            path.hardlink_to(draft)
        finally:
            draft.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except FileExistsError:
        return
    except OSError as error:
        raise KeyringError(
            f"The server key file {path} cannot be made ({error.strerror}): set NETID_SECRET_KEY instead."
        ) from None


def _sync_folder(folder: Path) -> None:
    """Make a new name in the folder survive a power cut, as the rows that will depend on it do."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
