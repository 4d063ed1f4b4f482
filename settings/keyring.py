"""The keys of the server. All are derived from root keys that the operator holds.

Owns: the ring of root keys (the first signs, all verify), where it comes from, and the derivation of one key
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
    """The server has no usable root key. The message is a sentence for the operator, without any key."""


@dataclass(frozen=True, slots=True)
class DerivedKey:
    """A key for one use: `key` is secret, `key_id` is a public fingerprint of its root key."""

    key_id: str
    key: bytes = field(repr=False)


class KeyRing:
    """The root keys. Other code gets only keys that are derived from them.

    The first key signs and encrypts, all verify and decrypt. An operator adds a new key in front, and removes
    the old one when nothing needs it any more. A key that is listed twice counts once.
    """

    __slots__ = ("_roots",)

    def __init__(self, keys: Sequence[str], origin: str = "The ring of server keys") -> None:
        """Check the keys, and keep them.

        Args:
            keys: Root keys, the new one first; each of `KEY_MIN_LENGTH` random characters or more.
            origin: Where the keys came from, as the subject of an error message.

        Raises:
            KeyringError: There is no key, or a key is too short or can be guessed.
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
            label: Names the use. No two uses share a label, so no two uses share a key.

        Returns:
            One key of 32 bytes for each root key, in order.

        Raises:
            ValueError: The label is empty, or is that of public fingerprints.
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

    Keys from the settings win over the file `secret.key` in the instance folder. If there is neither, a key
    is made there, but only while the database is empty: with a new key, older rows could not be verified.

    Args:
        instance: The instance folder. It is made if the key file is needed.
        configured: The keys from the settings, or None.
        may_create: Returns whether a key may be made (the database is empty). Called only if there is no key.

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
        # Another process may have made the key and stored its first rows after our first look.
        ring = _read(path)
    if ring is None:
        raise KeyringError(
            "The database holds rows, but the server key that they were made with is missing: "
            f"set NETID_SECRET_KEY, or restore {path}."
        )
    return ring


def make_instance_folder(instance: Path) -> None:
    """Make the instance folder if it is missing. Only its owner can use it, since it holds secrets.

    Args:
        instance: The instance folder.

    Raises:
        KeyringError: The folder cannot be made, or every user may write to it.
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
    """Fingerprint a root key. It has a label of its own, so it reveals nothing about any other key."""
    return _hkdf(root, _KEY_ID_LABEL)[:_KEY_ID_BYTES].hex()


def _read(path: Path) -> KeyRing | None:
    """Read a ring from a file; None when there is no such file."""
    try:
        content = read_secret(path)
    except FileNotFoundError:
        return None
    except NotPrivate as refused:
        # The message may end with a command to copy, which must not have a full stop.
        stop = "" if str(path) in str(refused) else "."
        raise KeyringError(f"The server key file {path} {refused}{stop}") from None
    except OSError as error:
        raise KeyringError(f"The server key file {path} cannot be read: {error.strerror}.") from None
    try:
        return KeyRing(content.decode().split(), f"The server key file {path}")
    except UnicodeDecodeError:
        raise KeyringError(f"The server key file {path} is not text.") from None


def _create(path: Path) -> None:
    """Make a key of 256 bits. If several processes try at once, one wins and the others change nothing."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with open(descriptor, "w", encoding="ascii") as file:  # noqa: PTH123 - a descriptor, not a path
                file.write(secrets.token_urlsafe(_KEY_BYTES) + "\n")
                file.flush()
                os.fsync(descriptor)
            # A link is atomic and never replaces a file, so no reader sees half a key and no key in use is
            # lost. A rename would replace.
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
    """Make a new file's name survive a power cut, as the rows that depend on the file do."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
