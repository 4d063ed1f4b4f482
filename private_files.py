"""Files that no other user of this machine may read or change: how they are made, and which are refused.

Owns: the rules about modes and owners, for every file and folder that holds a secret. Must not know: what a
file is for, any of our packages.
"""

import os
import stat
from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class NotPrivate(Exception):
    """Other users could read or change a file or folder. The message is the rest of a sentence about it."""


def make_folder(folder: Path) -> None:
    """Make a folder, and each missing folder above it, for its owner alone, whatever the umask is.

    Args:
        folder: the folder; one that exists is left as it is.

    Raises:
        OSError: it cannot be made.
    """
    if folder.is_dir():
        return
    if not folder.parent.is_dir():
        make_folder(folder.parent)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        # Another process may have made it just now.
        if not folder.is_dir():
            raise


def refuse_open_folder(folder: Path) -> None:
    """Refuse a folder in which every user may put files: also a sticky one, such as /tmp.

    There another user can put a link or a file of their own in the place of one that we are about to make.

    Args:
        folder: the folder.

    Raises:
        NotPrivate: every user may write to it.
        OSError: it cannot be looked at.
    """
    if folder.stat().st_mode & stat.S_IWOTH:
        raise NotPrivate(f"is in a folder that every user may write to: chmod o-w {folder}")


def make_file(path: Path) -> None:
    """Make an empty file for its owner alone, whatever the umask is; one that exists is left as it is.

    Args:
        path: the file, with no symbolic link in its path.

    Raises:
        OSError: it cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return
    os.close(descriptor)


def close_to_others(path: Path) -> bool:
    """Take every right to a file from all but its owner.

    The file is not opened: whoever closes a file loses the locks that its process has on it (POSIX), and
    SQLite works with these.

    Args:
        path: the file, with no symbolic link in its path; nothing happens where it is missing.

    Returns:
        Whether others had a right.

    Raises:
        NotPrivate: it belongs to another user, or it is not a regular file.
        OSError: it cannot be looked at.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(found.st_mode):
        raise NotPrivate(f"is not a regular file: {path}")
    if not found.st_mode & _OTHERS:
        return False
    try:
        path.chmod(stat.S_IMODE(found.st_mode) & ~_OTHERS)
    except PermissionError:
        raise NotPrivate(
            f"is open to other users of this machine, and belongs to one of them: chmod 600 {path}"
        ) from None
    return True
