"""The client's address, as the trusted proxies in front forward it."""

from collections.abc import Callable, Iterable
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
        # No address has a comma in it: a quotation mark that a client opens must hide none (RFC 7239, 6).
        elements = forwarded.replace('"', "").split(",")
        if len(elements) < self._hops:
            return None
        for pair in elements[-self._hops].split(";"):
            name, _, value = pair.strip().partition("=")
            if name.lower() == "for":
                return value.strip()
        return None
