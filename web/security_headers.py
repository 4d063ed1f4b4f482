"""Security headers: they tell browsers what not to do, and every answer has them.

The list is made once at the start and appended to each answer's own headers, so that it costs little.
"""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

_HSTS_SECONDS = 31_536_000
# Only the front page has a style. No page runs a script or may be framed.
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
    """A WSGI application with security headers (OWASP ASVS 5.0, V3.4)."""

    def __init__(self, application: _Wsgi, issuer: str) -> None:
        """Wrap an application.

        Args:
            application: answers.
            issuer: the public base URL. With https, browsers are told to stay with https (RFC 6797), except
                on a loopback host, where other programs may speak http.
        """
        self._application = application
        url = urlsplit(issuer)
        strict = url.scheme == "https" and url.hostname not in _LOOPBACK
        transport = (("Strict-Transport-Security", f"max-age={_HSTS_SECONDS}"),) if strict else ()
        self._headers = [*_ALWAYS, *transport]

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer with the headers."""

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, *self._headers], *rest)

        return self._application(environ, start)
