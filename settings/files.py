"""What is wrong with a file that a setting names.

Owns: the sentences about it. Must not know: settings, and what the file is for.
"""

from pathlib import Path

from core.private_files import NotPrivate, read_secret


def file_fault(path: Path, *, tell: bool = True) -> str | None:
    """Try to open a file for reading.

    Args:
        path: The file.
        tell: Whether the path may be told. It never is unless its folder exists: people put the secret itself
            where the path of its file belongs.

    Returns:
        What is wrong with it, as the rest of a sentence; None when it can be read.
    """
    path = path.absolute()
    where = ""
    try:
        if tell and str(path).isprintable() and path.parent != Path(path.anchor) and path.parent.is_dir():
            where = f": {path}"
        if not path.exists():
            return f"names a file that does not exist{where}"
        # Opening a pipe would wait for a writer, and every worker process must be able to read it again.
        if not path.is_file():
            return f"names what is not a plain file{where}"
        with path.open("rb"):
            return None
    except OSError as error:
        return f"names a file that cannot be read ({error.strerror}){where}"
    except ValueError:
        return "names a file that cannot exist"


def private_file_fault(path: Path) -> str | None:
    """Try a file that holds a secret: whether it is a secret to other users of this machine.

    Args:
        path: The file, which can be read.

    Returns:
        What is wrong with it, as the rest of a sentence; None when nothing is.
    """
    try:
        read_secret(path)
    except NotPrivate as refused:
        return f"names a file that {refused}"
    except OSError as error:
        return f"names a file that cannot be read ({error.strerror})"
    return None
