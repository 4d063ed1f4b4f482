"""Cross-origin requests (Fetch, 3.3): which browser pages may read an answer.

Owns: that a page reads only answers to a client that its origin is registered with. These endpoints read no
cookie, so credentials in the sense of Fetch do not matter. Must not know: what an answer says.
"""

from collections.abc import Callable, Mapping, Sequence
from threading import Lock

from flask import Response, request
from werkzeug.exceptions import MethodNotAllowed

from models import Client

# Seconds for which the list of origins is cached.
_CACHE_SECONDS = 60
_EXPOSED = "Deprecation, Link, Retry-After, Sunset, WWW-Authenticate, X-Request-Id"


class Origins:
    """The origins of all public clients, cached for a minute and read only when a page asks."""

    def __init__(self, clients: Callable[[], Sequence[Client]], clock: Callable[[], float]) -> None:
        """Begin with an empty cache.

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
        """Let the calling page read an answer, if its origin is registered with the client.

        Args:
            response: the answer.
            client_id: the client that it is for, if known.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        origin: str | None = request.environ.get("HTTP_ORIGIN")
        if origin is None:
            return response
        response.headers.add("Vary", "Origin")
        if client_id is not None and origin in self._by_client().get(client_id, ()):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = _EXPOSED
        return response

    def _by_client(self) -> Mapping[str, frozenset[str]]:
        with self._lock:
            if not 0 <= self._clock() - self._read_at < _CACHE_SECONDS:
                self._known = {
                    client.client_id: frozenset(client.restrictions["cors_origins"])
                    for client in self._clients()
                    if client.is_public and client.restrictions.get("cors_origins")
                }
                self._read_at = self._clock()
            return self._known


def preflight(origins: Origins, methods: Sequence[str]) -> Callable[[], Response]:
    """The view that answers the OPTIONS request which a browser sends before a page's request (Fetch, 4.8).

    Args:
        origins: browser pages that may call the endpoint.
        methods: the HTTP methods of the endpoint.
    """

    def view() -> Response:
        """204 to a page of any client; to others the 405 of an endpoint without preflights."""
        origin = request.headers.get("Origin")
        method = request.headers.get("Access-Control-Request-Method")
        if origin is None or method not in methods or not origins.are_open_to(origin):
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

    return view
