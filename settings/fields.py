"""What a setting accepts: how its text becomes a value, and the sentence that refuses it.

Owns: the rule of each value that is more than a number, and the types that settings are made of; for those of
the directory alone see `settings_directory_values`. A rule raises ValueError with the rest of a sentence that
begins with the setting's name ("must be …"), and never repeats what may hold a password. Must not know: where
a value came from, and any other setting.
"""

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator, Field, SecretStr

from settings.files import file_fault, private_file_fault
from settings.weak_keys import KEY_MIN_LENGTH, weakness

_HOST_NAME = re.compile(r"(?![0-9.]+$)[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?")
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*\]|[^\[\]:/\s]+):([0-9]{1,5})", re.ASCII)
_ISSUER_PATH = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)*")
_LAST_PORT = 65535


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


def issuer(value: object) -> str:
    """Read the public base URL; a lone slash after the host is dropped. Raises ValueError for other slips."""
    url = text(value)
    if not url.startswith(("https://", "http://")):
        raise ValueError("must be an absolute URL, such as https://login.example.edu")
    parts = split_url(url)
    host = parts.hostname or ""
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError(f"must begin with https:// (http:// is for this machine alone, not {host})")
    if parts.path == "/":
        return url.removesuffix("/")
    if not _ISSUER_PATH.fullmatch(parts.path):
        raise ValueError("must end in its host, or in a plain path without a slash at its end")
    return url


def bind_address(value: object) -> str:
    """Read the address to listen at. Raises ValueError when the host or the port is missing or impossible."""
    address = text(value)
    split_address(address)
    return address


def split_address(address: str) -> tuple[str, int]:
    """Take host:port apart.

    Args:
        address: Such as 127.0.0.1:8080, localhost:8080 or [::1]:8080.

    Returns:
        The host without brackets, and the port.

    Raises:
        ValueError: It is not of that form.
    """
    found = _ADDRESS.fullmatch(address)
    if found and _is_host(found[1].strip("[]")) and 1 <= int(found[2]) <= _LAST_PORT:
        return found[1].strip("[]"), int(found[2])
    raise ValueError(f"must be host:port, such as 127.0.0.1:8080 or [::1]:8080, port 1 to {_LAST_PORT}")


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


def secret_ring(value: object) -> str:
    """Read the ring of server keys. Raises ValueError when it is empty, or a key short or easily guessed."""
    ring = words(value)
    if not ring or any(len(key) < KEY_MIN_LENGTH for key in ring):
        raise ValueError(f"must be keys of {KEY_MIN_LENGTH} characters or more, spaces between")
    for fault in filter(None, map(weakness, ring)):
        raise ValueError(f"holds a key that {fault}: make one with openssl rand -hex 32")
    return " ".join(ring)


def database_url(value: object) -> str:
    """Read the database's URL, and name the driver that we ship. Raises ValueError for other databases."""
    url = text(value)
    scheme, mark, rest = url.partition("://")
    if not mark or scheme not in {"sqlite", "postgresql", "postgresql+psycopg"}:
        raise ValueError("must begin with sqlite:///, postgresql:// or postgresql+psycopg://")
    # SQLAlchemy takes a bare postgresql:// for psycopg2, which we do not install.
    return url if scheme == "sqlite" else f"postgresql+psycopg://{rest}"


def scope(value: object) -> str:
    """Read names of scopes, spaces between. Raises ValueError for letters that none has (RFC 6749, 3.3)."""
    names = text(value).split()
    if not all(re.fullmatch(r"[!#-\[\]-~]+", name) for name in names):
        raise ValueError("must be names of printable ASCII without quotes or backslashes, spaces between")
    return " ".join(dict.fromkeys(names))


def split_url(url: str) -> SplitResult:
    """Take a URL apart that is a host, perhaps a port, perhaps a path, and nothing else.

    Raises:
        ValueError: It is more, or less.
    """
    if not re.fullmatch(r"[!-\[\]-~]+", url) or set(url) & set("?#@"):
        raise ValueError("must hold no user name, password, space, ? or #, and letters of ASCII alone")
    try:
        parts = urlsplit(url)
        usable = parts.port != 0 and not parts.netloc.endswith(":") and _is_host(parts.hostname or "")
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("must name a host that can exist, and if a port, one from 1 to 65535")
    return parts


def _is_host(host: str) -> bool:
    """Say whether this can be a host: an address or a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return bool(_HOST_NAME.fullmatch(host))
    return True


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
File = Annotated[Path, BeforeValidator(readable_file)]
PrivateFile = Annotated[Path, BeforeValidator(private_file)]
