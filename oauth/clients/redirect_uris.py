"""Redirect URIs: which may be registered, and which request names a registered one.

The comparison is that of texts (RFC 9700, 2.1). The one exception is the port of a loopback address, which a
native app learns only when it starts (RFC 8252, 7.3). `localhost` is no exception: it is a name, and a
resolver may give it any address (8.3).
"""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

REDIRECT_URI_LENGTH = 2048
# A port is part of the match, so that `http://127.0.0.1.evil.example/` and `http://127.0.0.1@evil/` are not.
_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|\[::1\])(?::([0-9]{1,5}))?([/?].*)?", re.ASCII | re.DOTALL)
_LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})
_PRIVATE_USE = re.compile(r"[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+", re.ASCII)
_MAX_PORT = 65535
_FORBIDDEN = frozenset(' "<>\\#')
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]*:[0-9a-f:.]*", re.ASCII)


def is_registered(uri: str, registered: Sequence[str]) -> bool:
    """Whether a request may name `uri`.

    Args:
        uri: the `redirect_uri` parameter.
        registered: the client's redirect URIs.
    """
    if not is_safe(uri):
        return False
    if uri in registered:
        return True
    loopback = _without_port(uri)
    return loopback is not None and any(_without_port(each) == loopback for each in registered)


def is_safe(uri: str) -> bool:
    """Whether a browser may be sent to `uri` with a code.

    It must be `https`, or `http` on this machine (RFC 8252, 7.3), or have a private-use scheme with a period
    (RFC 8252, 7.1 and 8.4). So no `javascript:` and no `data:` URI is one. It has no user name: people take
    that for the host.
    """
    is_plain = uri.isascii() and uri.isprintable() and _FORBIDDEN.isdisjoint(uri)
    if not is_plain or len(uri) > REDIRECT_URI_LENGTH:
        return False
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    if parts.scheme in {"http", "https"}:
        is_protected = parts.scheme == "https" or host in _LOOPBACK_HOSTS
        is_host = host is not None and _HOST.fullmatch(host) is not None
        return is_protected and is_host and port != 0 and "@" not in parts.netloc
    return _PRIVATE_USE.fullmatch(parts.scheme) is not None and bool(parts.netloc or parts.path)


def is_of_web(uri: str) -> bool:
    """Whether `uri` names a web server, which takes forms, and not an app."""
    return uri.startswith(("https://", "http://"))


def _without_port(uri: str) -> tuple[str, str] | None:
    """A loopback URI without its port; None for another URI, or where the port is none."""
    match = _LOOPBACK.fullmatch(uri)
    if match is None or not 0 < int(match[2] or 80) <= _MAX_PORT:
        return None
    return match[1], match[3] or ""
