"""What a setting accepts: how its text becomes a value, and the sentence that refuses it.

Owns: the rules that settings of several packages share, and the types that settings are made of. A rule
raises ValueError with the rest of a sentence that begins with the setting's name ("must be …"). It never
repeats a value that may hold a password. Must not know: any setting, and where a value came from.
"""

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator, Field, SecretStr

from core.moments import read_moment
from core.private_files import NotPrivate, read_secret

_HOST_NAME = re.compile(r"(?![0-9.]+$)[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?")


def number(value: object) -> object:
    """Refuse a switch where a number belongs; pydantic would read on as 1. Raises ValueError."""
    if isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic gathers ValueErrors
    return value


def text(value: object) -> str:
    """Read a text. Raises ValueError for a number, a list, an empty text and one with a zero byte."""
    if not isinstance(value, str):
        raise ValueError("must be text, in quotes")  # noqa: TRY004 - pydantic gathers ValueErrors
    if not value or "\0" in value:
        raise ValueError("must not be empty, or hold a zero byte")
    return value


def words(value: object) -> tuple[str, ...]:
    """Read a list: a text with spaces between, or an array of texts. Raises ValueError for anything else."""
    if isinstance(value, list | tuple):
        return tuple(text(word) for word in value)
    return tuple(text(value).split())


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine itself; no name server is asked, since it could be made to lie.

    Args:
        host: A name or an address, without brackets.

    Returns:
        True for localhost, 127.0.0.0/8 and ::1.
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def readable_file(value: object) -> Path:
    """Read a path, and try the file. Raises ValueError when it is missing or cannot be read."""
    path = (value if isinstance(value, Path) else Path(text(value))).absolute()
    fault = file_fault(path)
    if fault:
        raise ValueError(fault)
    return path


def private_file(value: object) -> Path:
    """Read the path of a file that holds a secret. Raises ValueError when others can read or change it."""
    path = readable_file(value)
    fault = private_file_fault(path)
    if fault:
        raise ValueError(fault)
    return path


def split_url(url: str) -> SplitResult:
    """Take a URL apart that is a host, perhaps a port, perhaps a path, and nothing else.

    Raises:
        ValueError: It is more, or less.
    """
    if not re.fullmatch(r"[!-\[\]-~]+", url) or set(url) & set("?#@"):
        raise ValueError("must hold no user name, password, space, ? or #, and letters of ASCII alone")
    try:
        parts = urlsplit(url)
        usable = parts.port != 0 and not parts.netloc.endswith(":") and is_host(parts.hostname or "")
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("must name a host that can exist, and if a port, one from 1 to 65535")
    return parts


def is_host(host: str) -> bool:
    """Tell whether a text can be a host.

    Args:
        host: A name or an address, without brackets.
    """
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return bool(_HOST_NAME.fullmatch(host))
    return True


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


def secret(rule: Callable[[object], str]) -> BeforeValidator:
    """Make the rule of a secret out of the rule of its text."""

    def check(value: object) -> SecretStr:
        return SecretStr(rule(value.get_secret_value() if isinstance(value, SecretStr) else value))

    return BeforeValidator(check)


NUMBER = BeforeValidator(number)
Count = Annotated[int, Field(ge=1, le=1024), NUMBER]
Lifetime = Annotated[int, Field(ge=1, le=315_360_000), NUMBER]
Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False), NUMBER]
Text = Annotated[str, BeforeValidator(text)]
Moment = Annotated[int, BeforeValidator(read_moment)]
File = Annotated[Path, BeforeValidator(readable_file)]
PrivateFile = Annotated[Path, BeforeValidator(private_file)]
