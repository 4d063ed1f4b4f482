"""The client's address, as the trusted proxies in front forward it."""

from collections.abc import Iterable
from typing import Any

from werkzeug.middleware.proxy_fix import ProxyFix

_FORWARDED_FOR = "HTTP_X_FORWARDED_FOR"


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
