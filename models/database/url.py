"""The URL of the database: which URLs are refused, and that only the owner can read a SQLite file.

Owns: the meaning of a SQLite URL, before SQLAlchemy and SQLite read it. Must not know: connections.
"""

import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, unquote

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from core.private_files import NotPrivate, close_to_others, make_file, make_folder, refuse_open_folder

_LOG = logging.getLogger(__name__)

# Files that SQLite keeps beside a database. It creates them with the mode of the database.
_COMPANIONS = ("-wal", "-shm", "-journal")
_MODES = {"ro", "rw", "rwc"}
_YES = {"true", "yes", "on", "y", "t", "1"}
# SQLite accepts no other host (https://www.sqlite.org/uri.html, section 3.1).
_FILE_URI = re.compile(r"file:(?://(?:localhost)?(?=/))?(?P<path>[^?#]+)")
_DRIVER_PARAMETERS = {"timeout", "isolation_level", "detect_types", "check_same_thread", "cached_statements"}


class UrlRefused(ValueError):
    """The URL of the database cannot be used. The message holds no password."""


def private_database(url: str, instance: Path, *, must_exist: bool = False) -> str:
    """Check the URL of the database; for SQLite, create its file or close it to other users.

    A relative path starts at the instance folder. Missing folders are created for their owner only. The files
    that SQLite keeps beside the database are closed to other users as well.

    Args:
        url: the SQLAlchemy URL of the database.
        instance: the instance folder.
        must_exist: whether another process has done this already. Then nothing is created or closed, not even
            by SQLite: if the file is missing, its disk is away.

    Returns:
        The URL to connect to. For SQLite it has an absolute path without symbolic links.

    Raises:
        UrlRefused: the URL is invalid, names another database in each process, or its file cannot be made
            private. The message quotes nothing that may hold a password.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() != "sqlite":
        return url
    is_uri = _is_uri(parsed)
    path = Path(os.path.realpath(instance / _path(parsed, is_uri=is_uri)))
    if must_exist:
        query = {**parsed.query, "uri": "true", "mode": "ro" if parsed.query.get("mode") == "ro" else "rw"}
        return _rendered(parsed.set(database=f"file:{quote(str(path))}", query=query))
    try:
        _close(path, may_make=parsed.query.get("mode", "rwc") == "rwc")
    except NotPrivate as refused:
        raise UrlRefused(f"names a database that {refused}") from None
    except OSError as error:
        raise UrlRefused(f"names a database that cannot be made ({error.strerror}): {path}") from None
    # Flask-SQLAlchemy reads every value of uri as true.
    query = {**parsed.query, "uri": "true"} if is_uri else parsed.query
    database = f"file:{quote(str(path))}" if is_uri else str(path)
    return _rendered(parsed.set(database=database, query=query))


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise UrlRefused(
            "is not a URL of a database (is a special character in the password encoded?)"
        ) from None
    if parsed.get_backend_name() == "sqlite" and (parsed.host or parsed.username):
        raise UrlRefused("names a host: a path follows sqlite:/// at once, an absolute one sqlite:////")
    return parsed


def _rendered(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def _is_uri(parsed: URL) -> bool:
    """Whether the path is a `file:` URI. Refuses parameters whose effect on the file is unknown."""
    is_uri = "uri" in parsed.query
    if is_uri and str(parsed.query["uri"]).lower() not in _YES:
        raise UrlRefused("has a parameter uri that is not true")
    if is_uri is not (parsed.database or "").startswith("file:"):
        raise UrlRefused("needs both or neither of file: before the path and ?uri=true behind it")
    known: Mapping[str, set[str] | None] = dict.fromkeys(_DRIVER_PARAMETERS | {"uri"})
    for name, value in parsed.query.items():
        if name == "mode" and value == "memory":
            raise UrlRefused("names a database in memory, which would be another one in each process")
        if name not in known and not (is_uri and name == "mode" and value in _MODES):
            raise UrlRefused("has a parameter of SQLite that is not supported (only mode=ro, rw or rwc is)")
    return is_uri


def _path(parsed: URL, *, is_uri: bool) -> str:
    """The path of the database file as in the URL."""
    path = parsed.database or ""
    if is_uri:
        found = _FILE_URI.fullmatch(path)
        path = unquote(found["path"]) if found else ""
    if path in {"", ":memory:"}:
        raise UrlRefused("names a database in memory, which would be another one in each process")
    if "\0" in path or path.endswith("/"):
        raise UrlRefused("names no file")
    return path


def _close(path: Path, *, may_make: bool) -> None:
    if may_make:
        make_folder(path.parent)
    refuse_open_folder(path.parent)
    if may_make:
        make_file(path)
    was_open = close_to_others(path)
    for ending in _COMPANIONS:
        was_open |= close_to_others(path.with_name(path.name + ending))
    if was_open:
        _LOG.warning(
            "The database was open to other users of this machine until now: what it holds may be known to "
            "them (flask grant revoke ends logins, flask client rotate-secret makes new secrets)."
        )
