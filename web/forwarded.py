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
    """An application that takes a request's address from what the trusted proxies say.

    Args:
        app: the WSGI application.
        hops: how many proxies are trusted.
        header: which header they set, `X-Forwarded-For` or `Forwarded`.
    """
    return ForwardedHeader(app, hops) if header == "Forwarded" else TrustedProxies(app, hops)


class TrustedProxies(ProxyFix):
    """Takes the address and the scheme from the headers of as many proxies as are trusted.

    Werkzeug reads `X-Forwarded-For` as a list of quoted strings, which it is not: one quotation mark from a
    client hides the comma behind it, and the address that a proxy adds becomes part of the client's text.
    """

    def __init__(self, app: Any, hops: int) -> None:
        """Wrap an application.

        Args:
            app: the WSGI application.
            hops: how many proxies are trusted.
        """
        super().__init__(app, x_for=hops, x_proto=hops)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request by its client's address."""
        forwarded = environ.get(_FORWARDED_FOR)
        if forwarded is not None and '"' in forwarded:
            environ[_FORWARDED_FOR] = forwarded.replace('"', "")
        return super().__call__(environ, start_response)


class ForwardedHeader:
    """Takes the address from `Forwarded` (RFC 7239) of as many proxies as are trusted.

    A WSGI server gives `X_Forwarded_For` and `X-Forwarded-For` one name, and the last one wins: where a proxy
    lets the first one through, a client chooses its address. No other header has the name of this one.
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
        """Answer a request by its client's address."""
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
    """The element that the outermost of the trusted proxies added; empty where there is none."""
    elements = _from_the_right(forwarded, ",")
    return next(islice(elements, hops - 1, None), "")


def _from_the_right(text: str, separator: str) -> Iterator[str]:
    """Split where a separator stands outside quotes (RFC 7239, 4), the last part first.

    What the trusted proxies added stands on the right, and they close their quotes: so no quotation mark that
    a client opens hides it. A proxy may quote a client's text itself, as the value of `host`.
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
    """Whether an odd number of backslashes stands before a place (RFC 9110, 5.6.4)."""
    first = at
    while first and text[first - 1] == "\\":
        first -= 1
    return (at - first) % 2 == 1
