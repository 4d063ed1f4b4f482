"""What a setting accepts: how its text becomes a value, and the sentence that refuses it.

Owns: the rule of each value that is more than a number. A rule raises ValueError with the rest of a sentence
that begins with the setting's name ("must be …"), and never repeats what may hold a password. Must not know:
where a value came from, and any other setting.
"""

import ipaddress
import re
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from keys import KEY_MIN_LENGTH
from settings_sources import file_fault

PROJECT_ROOT = Path(__file__).resolve().parent
EMBEDDED = "embedded:"
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
    parts = _split(url)
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


def ldap_uris(value: object) -> tuple[str, ...]:
    """Read the servers in order of preference, or the embedded directory. Raises ValueError for a slip."""
    uris = words(value)
    if not uris:
        raise ValueError("must name at least one server")
    if len(uris) > 1 and any(uri.startswith(EMBEDDED) for uri in uris):
        raise ValueError("must be one embedded: directory alone, or servers with spaces between")
    checked = []
    for place, uri in enumerate(uris, 1):
        try:
            checked.append(_ldap_uri(uri))
        except ValueError as error:
            place_if_many = f" (address {place} of {len(uris)})" if len(uris) > 1 else ""
            raise ValueError(f"{error}{place_if_many}") from None
    return tuple(checked)


def clear_text_hosts(uris: tuple[str, ...]) -> list[str]:
    """Find the servers that passwords would travel to in clear text, were StartTLS off.

    Args:
        uris: Checked addresses of directories.

    Returns:
        The hosts of `ldap://` addresses that are not this machine.
    """
    hosts = [urlsplit(uri).hostname or "" for uri in uris if uri.startswith("ldap://")]
    return [host for host in hosts if not is_loopback(host)]


def embedded_file(uri: str) -> Path:
    """Find the LDIF file of an embedded directory.

    Args:
        uri: `embedded:` and a path; a relative one starts at the project's root.

    Returns:
        The path, absolute.
    """
    return PROJECT_ROOT / uri.removeprefix(EMBEDDED)


def search_filter(value: object) -> str:
    """Read the filter that finds a person. Raises ValueError when it cannot be one filter (RFC 4515)."""
    template = _template(value)
    depths = [0]
    for letter in template:
        depths.append(depths[-1] + {"(": 1, ")": -1}.get(letter, 0))
    # Within one filter the depth is zero again only at its end; a literal parenthesis is written \28 or \29.
    if depths[-1] != 0 or min(depths[1:-1]) <= 0:
        raise ValueError("must be one filter with balanced parentheses, such as (uid={username})")
    return template


def dn_template(value: object) -> str:
    """Read the pattern of a person's DN. Raises ValueError when it is none, or has no place for the name."""
    template = _template(value)
    if not re.match(r"[A-Za-z0-9.-]+ *=", template):
        raise ValueError("must be a DN, such as uid={username},ou=people,dc=example,dc=edu")
    return template


def attribute(value: object) -> str:
    """Read the name of an LDAP attribute. Raises ValueError for what cannot be one (RFC 4512, 2.5)."""
    name = text(value)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.;-]*", name):
        raise ValueError("must be the name of one attribute, such as entryUUID")
    return name


def readable_file(value: object) -> Path:
    """Read a path, and try the file. Raises ValueError when it is missing or cannot be read."""
    path = (value if isinstance(value, Path) else Path(text(value))).absolute()
    fault = file_fault(path)
    if fault:
        raise ValueError(fault)
    return path


def secret_ring(value: object) -> str:
    """Read the ring of server keys. Raises ValueError when it is empty or a key is too short."""
    ring = words(value)
    if not ring or any(len(key) < KEY_MIN_LENGTH for key in ring):
        raise ValueError(f"must be keys of {KEY_MIN_LENGTH} characters or more, spaces between")
    return " ".join(ring)


def database_url(value: object) -> str:
    """Read the database's URL, and name the driver that we ship. Raises ValueError for other databases."""
    url = text(value)
    scheme, mark, rest = url.partition("://")
    if not mark or scheme not in {"sqlite", "postgresql", "postgresql+psycopg"}:
        raise ValueError("must begin with sqlite:///, postgresql:// or postgresql+psycopg://")
    # SQLAlchemy takes a bare postgresql:// for psycopg2, which we do not install.
    return url if scheme == "sqlite" else f"postgresql+psycopg://{rest}"


def _ldap_uri(uri: str) -> str:
    """Check one address of a directory."""
    scheme, _, rest = uri.partition(":")
    scheme = scheme.lower()
    if uri.startswith(EMBEDDED):
        fault = file_fault(embedded_file(uri))
        if fault:
            raise ValueError(fault)
        return uri
    if scheme not in {"ldap", "ldaps", "ldapi"} or not rest.startswith("//"):
        raise ValueError("must be ldap://, ldaps:// or ldapi:// addresses, or embedded: and a path")
    if scheme == "ldapi":
        return f"ldapi:{rest}"
    if _split(uri).path not in {"", "/"}:
        raise ValueError("must hold no path after the host; NETID_LDAP_USER_BASE says where people are")
    return f"{scheme}:{rest}".removesuffix("/")


def _split(url: str) -> SplitResult:
    """Take a URL apart that is a host, perhaps a port, perhaps a path, and nothing else."""
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


def _template(value: object) -> str:
    """Read a pattern that the login name is put into."""
    template = text(value)
    if "{username}" not in template or re.search(r"[{}]", template.replace("{username}", "")):
        raise ValueError("must hold {username} where the login name belongs, and no other braces")
    return template
