"""Pages of other origins (Fetch, 3.3): which may read an answer, as registered for public clients.

Owns: that a page reads only what was answered to a client that its origin is registered with. No cookie is
ever looked at, so that credentials in the sense of Fetch do not matter. Must not know: what is answered.
"""

from collections.abc import Callable, Mapping, Sequence
from threading import Lock

from flask import Blueprint, Response, request
from werkzeug.exceptions import MethodNotAllowed

from models import Client

# Seconds that the list of origins is believed; a page can wait so long for its registration.
_BELIEVED = 60
_PATHS = {
    ("/oauth/token", "/token", "/oauth/revoke", "/revoke"): ("POST",),
    ("/oauth/userinfo", "/userinfo"): ("GET", "POST"),
}


class Origins:
    """The origins of all public clients, read once a minute, and only when a page asks."""

    def __init__(self, clients: Callable[[], Sequence[Client]], clock: Callable[[], float]) -> None:
        """Begin with none.

        Args:
            clients: lists every client.
            clock: seconds since the epoch.
        """
        self._clients = clients
        self._clock = clock
        self._lock = Lock()
        self._known: Mapping[str, frozenset[str]] = {}
        self._read_at = float("-inf")

    def are_open_to(self, origin: str) -> bool:
        """Whether any client has this origin.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        return any(origin in origins for origins in self._by_client().values())

    def answer(self, response: Response, client_id: str | None) -> Response:
        """Let the page that asked read an answer, if its origin is registered with the client.

        Args:
            response: the answer.
            client_id: whose it is, if that is known.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        origin: str | None = request.environ.get("HTTP_ORIGIN")
        if origin is None:
            return response
        response.headers.add("Vary", "Origin")
        if client_id is not None and origin in self._by_client().get(client_id, ()):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = "Retry-After, WWW-Authenticate"
        return response

    def _by_client(self) -> Mapping[str, frozenset[str]]:
        with self._lock:
            if not 0 <= self._clock() - self._read_at < _BELIEVED:
                self._known = {
                    client.client_id: frozenset(client.restrictions["cors_origins"])
                    for client in self._clients()
                    if client.is_public and client.restrictions.get("cors_origins")
                }
                self._read_at = self._clock()
            return self._known


def preflights(origins: Origins) -> Blueprint:
    """The answers to what browsers ask before they send a page's request (Fetch, 4.8)."""
    answers = Blueprint("preflights", __name__)
    for paths, methods in _PATHS.items():
        for path in paths:
            view = _preflight(origins, methods)
            answers.add_url_rule(path, f"preflight {path}", view, methods=["OPTIONS"])
    return answers


def _preflight(origins: Origins, methods: Sequence[str]) -> Callable[[], Response]:
    def preflight() -> Response:
        """Yes to a page whose origin any client has; to all else what it was before there were pages."""
        origin = request.headers.get("Origin")
        asked = request.headers.get("Access-Control-Request-Method")
        if origin is None or asked not in methods or not origins.are_open_to(origin):
            raise MethodNotAllowed(valid_methods=methods)
        headers = {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": ", ".join(methods),
            "Access-Control-Allow-Headers": "Authorization, Content-Type",
            "Access-Control-Max-Age": "600",
            "Cache-Control": "no-store",
            "Vary": "Origin",
        }
        return Response(status=204, headers=headers)

    return preflight
