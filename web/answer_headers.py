"""The headers of every answer: what browsers must not do, and the id of the request.

The list of security headers is made once at the start and appended to each answer's own headers, so that it
costs little. A page has a Content-Security-Policy of its own, and keeps it. The request's id is in `environ`
before the application runs, so that log lines, audit rows and errors name the same id as the answer's header.
"""

import re
from collections.abc import Callable, Iterable
from os import urandom
from typing import Any
from urllib.parse import urlsplit

from oauth import REQUEST_ID

_HSTS_SECONDS = 31_536_000
_POLICY_NAME = "Content-Security-Policy"
# For everything but pages, which bring a policy of their own.
_POLICY = (_POLICY_NAME, "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
_ALWAYS = (("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"))
# What ids of proxies are made of. No character can end a log line, a header or a cell of a table, and an id
# fits the column `request_id` of the audit.
_WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)
_ID_OCTETS, _KEPT_IDS = 8, 256
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

_Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class AnswerHeaders:
    """A WSGI application with security headers (OWASP ASVS 5.0, V3.4) and `X-Request-Id`."""

    def __init__(self, application: _Wsgi, issuer: str, *, takes_request_ids: bool = False) -> None:
        """Wrap an application.

        Args:
            application: answers.
            issuer: the public base URL. With https, browsers are told to stay with https (RFC 6797), except
                on a loopback host, where other programs may speak http.
            takes_request_ids: whether a trusted proxy in front sets the id of each request.
        """
        self._application = application
        self._takes_request_ids = takes_request_ids
        # Filled by the first request, so that no two processes share ids. `pop` is atomic.
        self._ids: list[str] = []
        url = urlsplit(issuer)
        strict = url.scheme == "https" and url.hostname not in _LOOPBACK
        transport = (("Strict-Transport-Security", f"max-age={_HSTS_SECONDS}"),) if strict else ()
        self._page_headers = [*_ALWAYS, *transport]
        self._headers = [_POLICY, *self._page_headers]

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer with the headers."""
        try:
            request_id = self._ids.pop()
        except IndexError:
            request_id = self._more_ids()
        if self._takes_request_ids and _WELL_FORMED.fullmatch(given := environ.get("HTTP_X_REQUEST_ID", "")):
            request_id = given
        environ[REQUEST_ID] = request_id

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            has_policy = any(name == _POLICY_NAME for name, _ in headers)
            usual = self._page_headers if has_policy else self._headers
            own = [*headers, *usual, ("X-Request-Id", request_id)]
            return start_response(status, own, *rest)

        return self._application(environ, start)

    def _more_ids(self) -> str:
        """A new id. Further ids are kept, because the system's random numbers cost 1 % of a token check."""
        first, *others = (urandom(_ID_OCTETS).hex() for _ in range(_KEPT_IDS))
        self._ids += others
        return first
