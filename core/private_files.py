"""Files that no other user of this machine may read or change: how they are made, and which are refused.

Owns: the rules about modes and owners, for every file and folder that holds a secret. Must not know: what a
file is for, any of our packages.
"""

import os
import stat
from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
# A key, a password or a configuration is a handful of lines; what is larger was named by mistake.
SIZE_LIMIT = 65_536


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
        NotPrivate: it belongs to another user, or it is not a plain file.
        OSError: it cannot be looked at.
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
    """Read a plain file of at most `SIZE_LIMIT` octets, and what it was at that moment.

    Args:
        path: the file; symbolic links are followed, since Kubernetes mounts secrets as links.

    Raises:
        NotPrivate: it is no plain file, or too large.
        OSError: it cannot be read.
    """
    # Without O_NONBLOCK a pipe in the place of the file would hold the start up for ever.
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
    """Read a file that holds a secret; it must be private as `refuse_careless` has it.

    Args:
        path: the file; symbolic links are followed.

    Raises:
        NotPrivate: others can read or change it, or it is not a plain file of bounded size.
        OSError: it cannot be read.
    """
    content, found = read_bounded(path)
    refuse_careless(path, found, user=os.geteuid())
    return content


def refuse_careless(path: Path, found: os.stat_result, *, user: int) -> None:
    """Refuse a secret that other users could read or change.

    The file belongs to the server's own user or to root. A group may read what belongs to root, since root
    chose that group for it (`root:netid`, mode 0640). Root may use the file of any user, as where an operator
    runs a command of the server.

    Args:
        path: the file, for the message.
        found: what it is.
        user: the server's own user id.

    Raises:
        NotPrivate: with the remedy.
    """
    if user not in (0, found.st_uid) and found.st_uid != 0:
        raise NotPrivate(f"belongs to another user: chown it to the server's own, or to root: {path}")
    allowed = stat.S_IRGRP if found.st_uid == 0 else 0
    if found.st_mode & (_OTHERS & ~(allowed | stat.S_IXGRP | stat.S_IXOTH)):
        mode = 640 if found.st_uid == 0 != user else 600
        raise NotPrivate(f"is open to other users of this machine: chmod {mode} {path}")


def refuse_changeable(path: Path, found: os.stat_result) -> None:
    """Refuse a file without a secret that every user could change.

    Args:
        path: the file, for the message.
        found: what it is.

    Raises:
        NotPrivate: with the remedy.
    """
    if found.st_mode & stat.S_IWOTH:
        raise NotPrivate(f"can be changed by every user of this machine: chmod o-w {path}")
