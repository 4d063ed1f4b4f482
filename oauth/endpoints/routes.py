"""Routes of an endpoint, from what it declares: its paths, and its preflights if pages may call it."""

from collections.abc import Callable, Sequence
from typing import Protocol

from flask import Blueprint, Flask, Response

from oauth.endpoints.cors import Origins, preflight


class Served(Protocol):
    """The declarations of an endpoint about its routes."""

    @property
    def ENDPOINT_NAME(self) -> str:  # noqa: N802 - Authlib's name
        """The name by which Flask and Authlib know the endpoint."""

    @property
    def PATHS(self) -> Sequence[str]:  # noqa: N802
        """The paths of the endpoint, the published path first."""

    @property
    def HTTP_METHODS(self) -> Sequence[str]:  # noqa: N802
        """The HTTP methods that it answers."""

    @property
    def CORS(self) -> bool:  # noqa: N802
        """Whether browser pages may call it."""


def add_routes(
    app: Flask | Blueprint, endpoint: Served, view: Callable[[], Response], origins: Origins
) -> None:
    """Serve an endpoint under each of its paths.

    Args:
        app: the application, or a blueprint of it.
        endpoint: declares name, paths, methods and whether pages may call it.
        view: answers.
        origins: browser pages that may call it, if the endpoint has `CORS`.
    """
    name, methods = endpoint.ENDPOINT_NAME, endpoint.HTTP_METHODS
    answer_preflight = preflight(origins, methods)
    for path in endpoint.PATHS:
        app.add_url_rule(path, name, view, methods=methods)
        if endpoint.CORS:
            app.add_url_rule(path, f"{name}_preflight", answer_preflight, methods=["OPTIONS"])
