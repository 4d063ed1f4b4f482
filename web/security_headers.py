"""The headers that every answer has, whatever made it: what a browser must not do with it.

Owns: that they cost nothing to speak of: one list that is made at the start, and put behind an answer's own.
"""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

_SECONDS = 31_536_000
# For the front page alone, which has a style of its own. Nothing here runs a script or sits in a frame.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'"
)
_ALWAYS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", _POLICY),
    ("Referrer-Policy", "no-referrer"),
)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

_Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class SecurityHeaders:
    """A WSGI application with the headers of safety (OWASP ASVS 5.0, V3.4)."""

    def __init__(self, application: _Wsgi, issuer: str) -> None:
        """Wrap an application.

        Args:
            application: whose answers they are.
            issuer: where it is reached. Behind https a browser is told to stay with it (RFC 6797), but for
                this machine, where other programs of its owner may speak http.
        """
        self._application = application
        where = urlsplit(issuer)
        strict = where.scheme == "https" and where.hostname not in _LOOPBACK
        transport = (("Strict-Transport-Security", f"max-age={_SECONDS}"),) if strict else ()
        self._headers = [*_ALWAYS, *transport]

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer with them."""

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, *self._headers], *rest)

        return self._application(environ, start)
