"""Files that no other user of this machine may read or change: makes them, and refuses open ones.

Owns: the rules about modes and owners of files and folders that hold a secret. Must not know: what a file is
for, any of our packages.
"""

import os
import stat
from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
# A key, a password or a configuration has few lines. A larger file was named by mistake.
SIZE_LIMIT = 65_536


class NotPrivate(Exception):
    """Other users can read or change a file or folder. The message is the rest of a sentence about it."""


def make_folder(folder: Path) -> None:
    """Make a folder, and each missing parent, that only its owner can use. The umask has no effect.

    Args:
        folder: The folder. An existing one is not changed.

    Raises:
        OSError: The folder cannot be made.
    """
    if folder.is_dir():
        return
    if not folder.parent.is_dir():
        make_folder(folder.parent)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        # Another process may have made it at the same time.
        if not folder.is_dir():
            raise


def refuse_open_folder(folder: Path) -> None:
    """Refuse a folder in which every user may create files, even if it is sticky, as /tmp is.

    In such a folder, another user can create a link or a file under the name that we are about to use.

    Args:
        folder: The folder.

    Raises:
        NotPrivate: Every user may write to the folder.
        OSError: The folder's mode cannot be read.
    """
    if folder.stat().st_mode & stat.S_IWOTH:
        raise NotPrivate(f"is in a folder that every user may write to: chmod o-w {folder}")


def make_file(path: Path) -> None:
    """Make an empty file that only its owner can read and write. The umask has no effect.

    Args:
        path: The file, without a symbolic link in its path. An existing one is not changed.

    Raises:
        OSError: The file cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return
    os.close(descriptor)


def close_to_others(path: Path) -> bool:
    """Remove all permissions of other users from a file.

    The file is not opened: a process that closes a file loses its locks on it (POSIX), and SQLite needs them.

    Args:
        path: The file, without a symbolic link in its path. A missing one is ignored.

    Returns:
        Whether other users had a permission.

    Raises:
        NotPrivate: The file belongs to another user, or it is not a plain file.
        OSError: The file's mode cannot be read.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(found.st_mode):
        raise NotPrivate(f"is not a plain file: {path}")
    if not found.st_mode & _OTHERS:
        return False
    try:
        path.chmod(stat.S_IMODE(found.st_mode) & ~_OTHERS)
    except PermissionError:
        raise NotPrivate(
            f"is open to other users of this machine, and belongs to one of them: chmod 600 {path}"
        ) from None
    return True


def read_bounded(path: Path) -> tuple[bytes, os.stat_result]:
    """Read a plain file of at most `SIZE_LIMIT` bytes, with its owner and mode.

    Args:
        path: The file. Symbolic links are followed, since Kubernetes mounts secrets as links.

    Raises:
        NotPrivate: The file is not a plain file, or it is too large.
        OSError: The file cannot be read.
    """
    # Without O_NONBLOCK, opening a pipe would block for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise NotPrivate("is not a plain file")
        content = b""
        while len(content) <= SIZE_LIMIT and (part := os.read(descriptor, SIZE_LIMIT + 1 - len(content))):
            content += part
    finally:
        os.close(descriptor)
    if len(content) > SIZE_LIMIT:
        raise NotPrivate("is far too large")
    return content, found


def read_secret(path: Path) -> bytes:
    """Read a file that holds a secret, if it is private by the rules of `refuse_careless`.

    Args:
        path: The file. Symbolic links are followed.

    Raises:
        NotPrivate: Other users can read or change the file, or it is not a plain file of bounded size.
        OSError: The file cannot be read.
    """
    content, found = read_bounded(path)
    refuse_careless(path, found, user=os.geteuid())
    return content


def refuse_careless(path: Path, found: os.stat_result, *, user: int) -> None:
    """Refuse a secret file that other users can read or change.

    The file must belong to the server's own user or to root. If it belongs to root, its group may read it,
    since root chose that group (`root:netid`, mode 0640). Root may use the file of any user, since operators
    may run the server's commands as root.

    Args:
        path: The file, for the message.
        found: The file's owner and mode.
        user: The server's own user id.

    Raises:
        NotPrivate: The message names the remedy.
    """
    if user not in (0, found.st_uid) and found.st_uid != 0:
        raise NotPrivate(f"belongs to another user: chown it to the server's own, or to root: {path}")
    allowed = stat.S_IRGRP if found.st_uid == 0 else 0
    if found.st_mode & (_OTHERS & ~(allowed | stat.S_IXGRP | stat.S_IXOTH)):
        mode = 640 if found.st_uid == 0 != user else 600
        raise NotPrivate(f"is open to other users of this machine: chmod {mode} {path}")


def refuse_changeable(path: Path, found: os.stat_result) -> None:
    """Refuse a file, which holds no secret, that every user can change.

    Args:
        path: The file, for the message.
        found: The file's mode.

    Raises:
        NotPrivate: The message names the remedy.
    """
    if found.st_mode & stat.S_IWOTH:
        raise NotPrivate(f"can be changed by every user of this machine: chmod o-w {path}")
