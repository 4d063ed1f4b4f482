"""The client's address, as the trusted proxies in front forward it."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from werkzeug.middleware.proxy_fix import ProxyFix

_FORWARDED_FOR = "HTTP_X_FORWARDED_FOR"
_FORWARDED = "HTTP_FORWARDED"
_PEER = "werkzeug.proxy_fix.orig"

_Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


def behind_proxies(app: _Wsgi, hops: int, header: str) -> _Wsgi:
    """Wrap an application so that requests have the client address that the trusted proxies forward.

    Args:
        app: the WSGI application.
        hops: how many proxies are trusted.
        header: which header they set, `X-Forwarded-For` or `Forwarded`.
    """
    return ForwardedHeader(app, hops) if header == "Forwarded" else TrustedProxies(app, hops)


class TrustedProxies(ProxyFix):
    """Takes the address and the scheme from the `X-Forwarded-` headers of the trusted proxies.

    Werkzeug reads `X-Forwarded-For` as a list of quoted strings, which it is not. With one quotation mark a
    client would hide the comma behind it, and the address that a proxy adds would join the client's text.
    """

    def __init__(self, app: Any, hops: int) -> None:
        """Wrap an application.

        Args:
            app: the WSGI application.
            hops: how many proxies are trusted.
        """
        super().__init__(app, x_for=hops, x_proto=hops)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Set the client's address, and answer."""
        forwarded = environ.get(_FORWARDED_FOR)
        if forwarded is not None and '"' in forwarded:
            environ[_FORWARDED_FOR] = forwarded.replace('"', "")
        return super().__call__(environ, start_response)


class ForwardedHeader:
    """Takes the address from the `Forwarded` header (RFC 7239) of the trusted proxies.

    A WSGI server gives `X_Forwarded_For` and `X-Forwarded-For` one name, and the last one wins. If a proxy
    passes the first one on, a client chooses its address. No other header collides with `Forwarded`.
    """

    def __init__(self, app: _Wsgi, hops: int) -> None:
        """Wrap an application.

        Args:
            app: the WSGI application.
            hops: how many proxies are trusted.
        """
        self._app = app
        self._hops = hops

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Set the client's address, and answer."""
        address = self._address(environ.get(_FORWARDED, ""))
        if address is not None:
            environ[_PEER] = {"REMOTE_ADDR": environ.get("REMOTE_ADDR")}
            environ["REMOTE_ADDR"] = address
        return self._app(environ, start_response)

    def _address(self, forwarded: str) -> str | None:
        """The `for` of the element that the outermost trusted proxy added, or None where there is none."""
        for pair in _from_the_right(_element(forwarded, self._hops), ";"):
            name, _, value = pair.strip().partition("=")
            if name.rstrip().lower() == "for":
                return value.strip().strip('"')
        return None


def _element(forwarded: str, hops: int) -> str:
    """The element that the outermost trusted proxy added; empty if there is none."""
    elements = _from_the_right(forwarded, ",")
    return next(islice(elements, hops - 1, None), "")


def _from_the_right(text: str, separator: str) -> Iterator[str]:
    """Split at separators outside quotes (RFC 7239, 4), the last part first.

    The trusted proxies add their parts on the right and close their quotes, so a quotation mark that a client
    opens cannot hide them. A proxy may quote a client's text itself, as the value of `host`.
    """
    end, is_quoted = len(text), False
    for at in range(len(text) - 1, -1, -1):
        if text[at] == '"':
            is_quoted ^= not _is_escaped(text, at)
        elif text[at] == separator and not is_quoted:
            yield text[at + 1 : end]
            end = at
    yield text[:end]


def _is_escaped(text: str, at: int) -> bool:
    """Whether an odd number of backslashes precedes the position (RFC 9110, 5.6.4)."""
    first = at
    while first and text[first - 1] == "\\":
        first -= 1
    return (at - first) % 2 == 1
