"""What the server's own settings accept: how their text becomes a value, and the sentence that refuses it.

Owns: the rules of the issuer, addresses, the look of the pages, keys, the database, rules about people, and
limits. Rules that the directory's settings share are in `core.setting_rules`. A rule raises ValueError with
the rest of a sentence that begins with the setting's name ("must be …"), and never repeats what may hold a
password. Must not know: where a value came from, and any other setting.
"""

import re
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from core.person_rules import parse_rule
from core.setting_rules import is_host, is_loopback, readable_file, split_url, text, words
from settings.weak_keys import KEY_MIN_LENGTH, weakness

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*\]|[^\[\]:/\s]+):([0-9]{1,5})", re.ASCII)
_EMAIL = re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_ISSUER_PATH = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)*")
_LAST_PORT = 65535
_SWITCH_WORDS = {
    "auto": "auto",
    **dict.fromkeys(("on", "true", "yes", "1"), "on"),
    **dict.fromkeys(("off", "false", "no", "0"), "off"),
}
# A DN may hold commas and spaces; a semicolon in one is escaped (RFC 4514, 2.4).
_ORIGIN = re.compile(r"https://(\*\.)?([A-Za-z0-9-]+\.)+[A-Za-z0-9-]+(:[0-9]{1,5})?")
_BETWEEN_ITEMS = re.compile(r"(?<!\\)[;\n]")
_IMAGES = frozenset({".svg", ".png", ".jpg", ".jpeg", ".gif", ".webp"})
_MAX_IMAGE_OCTETS = 1_000_000
_MAX_LIMIT = 1_000_000
# Failures are not kept for longer.
_MAX_LIMIT_SECONDS = 30 * 86_400


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


def page(value: object) -> str:
    """Read the URL of a page. Raises ValueError for another scheme, a password in it, or a missing host."""
    url = text(value)
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.port != 0 and is_host(parts.hostname or "")
    except ValueError:
        usable = False
    if not usable or "@" in parts.netloc or not re.fullmatch(r"[!#-;=?-~]+", url):
        raise ValueError("must be the URL of a page, such as https://www.example.edu/oauth")
    return url


def page_in_errors(value: object) -> str:
    """Read the URL of a page that errors name. Raises ValueError as `page`, and for a backslash.

    A URL has none (RFC 3986, 2), and an `error_uri` may not hold one (RFC 6749, 5.2).
    """
    url = page(value)
    if "\\" in url:
        raise ValueError("must be the URL of a page, without a backslash")
    return url


def color(value: object) -> str:
    """Read a colour. Raises ValueError for anything but six hexadecimal digits behind a number sign."""
    given = text(value).lower()
    if not re.fullmatch(r"#[0-9a-f]{6}", given):
        raise ValueError("must be a colour such as #1f4e8c")
    return given


def footer_links(value: object) -> tuple[str, ...]:
    """Read links: an array, or a text with semicolons between. Raises ValueError where one is not a link."""
    given = map(text, value) if isinstance(value, list | tuple) else _BETWEEN_ITEMS.split(text(value))
    links = tuple(link for each in given if (link := each.strip()))
    if (value and not links) or not all(map(_is_link, links)):
        raise ValueError("must be links such as Help https://help.example.edu, semicolons between")
    return links


def origins(value: object) -> tuple[str, ...]:
    """Read origins: an array, or a text with spaces between. Raises ValueError where one is not of https."""
    given = [text(each) for each in value] if isinstance(value, list | tuple) else text(value).split()
    if (value and not given) or not all(map(_ORIGIN.fullmatch, given)):
        raise ValueError("must be origins such as https://apps.example.edu https://*.example.edu")
    return tuple(given)


def image(value: object) -> Path:
    """Read the path of an image. Raises ValueError when it cannot be read, is too large, or no image."""
    path = readable_file(value)
    if path.suffix.lower() not in _IMAGES:
        raise ValueError(f"must name an image: {', '.join(sorted(_IMAGES))}")
    if path.stat().st_size > _MAX_IMAGE_OCTETS:
        raise ValueError(f"must name an image of at most {_MAX_IMAGE_OCTETS:,} octets")
    return path


def contact(value: object) -> str:
    """Read an email address or the URL of a page. Raises ValueError for anything else."""
    address = text(value)
    if _EMAIL.fullmatch(address):
        return address
    try:
        return page(address)
    except ValueError:
        raise ValueError("must be an email address or the URL of a page") from None


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
    if found and is_host(found[1].strip("[]")) and 1 <= int(found[2]) <= _LAST_PORT:
        return found[1].strip("[]"), int(found[2])
    raise ValueError(f"must be host:port, such as 127.0.0.1:8080 or [::1]:8080, port 1 to {_LAST_PORT}")


def authorities(value: object) -> Path:
    """Read the path of a PEM bundle, and try it. Raises ValueError when it holds no certificate."""
    path = readable_file(value)
    try:
        # Imported here, because commands start quickly, and few set such a file.
        import_module("ssl").create_default_context(cafile=path)
    except (OSError, ValueError):
        raise ValueError(f"holds no certificate in PEM: {path}") from None
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


def switch_or_auto(value: object) -> str:
    """Read auto, on or off; on and off have the words of any switch. Raises ValueError for other words."""
    if isinstance(value, bool):
        return "on" if value else "off"
    word = _SWITCH_WORDS.get(text(value).lower())
    if word is None:
        raise ValueError("must be auto, on or off")
    return word


def scope(value: object) -> str:
    """Read names of scopes, spaces between. Raises ValueError for letters that none has (RFC 6749, 3.3)."""
    names = text(value).split()
    if not all(re.fullmatch(r"[!#-\[\]-~]+", name) for name in names):
        raise ValueError("must be names of printable ASCII without quotes or backslashes, spaces between")
    return " ".join(dict.fromkeys(names))


def members(value: object) -> tuple[str, ...]:
    """Read rules about people: an array, or a text with semicolons between. Raises ValueError for a slip."""
    given = value if isinstance(value, list | tuple) else _BETWEEN_ITEMS.split(text(value))
    rules = tuple(rule for each in given if (rule := text(each).strip()))
    if (value and not rules) or any(parse_rule(rule) is None for rule in rules):
        raise ValueError("must be rules group:DN or affiliation:NAME, semicolons between")
    return rules


def limits(value: object) -> str:
    """Read limits. Raises ValueError where they cannot be read, allow nothing, or reach too far back."""
    if not isinstance(value, str):
        raise ValueError("must be text, in quotes")  # noqa: TRY004 - pydantic gathers ValueErrors
    if not value:
        return value
    try:
        # Imported here, because the library takes a tenth of a command's start, and few set a limit.
        usable = all(map(_is_usable, import_module("limits").parse_many(value)))
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(
            "must be such as 10/15minutes or 10/15minutes;100/day (from 1 on, over at most 30 days), or empty"
        )
    return value


def _is_link(link: str) -> bool:
    title, _, url = link.rpartition(" ")
    try:
        return bool(title.strip() and page(url))
    except ValueError:
        return False


def _is_usable(limit: Any) -> bool:
    return bool(1 <= limit.amount <= _MAX_LIMIT and limit.get_expiry() <= _MAX_LIMIT_SECONDS)
