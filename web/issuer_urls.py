"""URLs that Flask builds come from the issuer in the settings, never from a request's Host header.

Flask's `SERVER_NAME` fixes the host of `url_for(_external=True)`, but takes the scheme and the path prefix
from the request, and leaves `request.host` and `request.url` to the Host header.
"""

from functools import cached_property

from flask import Flask, Request
from werkzeug.routing import MapAdapter


class IssuerUrls(Flask):
    """A Flask application that builds URLs from `SERVER_NAME`, `PREFERRED_URL_SCHEME` and `APPLICATION_ROOT`.

    Without `SERVER_NAME` it is plain Flask.
    """

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """The adapter that finds a request's route and builds URLs.

        Raises:
            BadHost: the Host header holds no host (RFC 9112, 3.2): 400.
        """
        if request is None:
            return self._adapter_outside_requests if self.config["SERVER_NAME"] else None
        adapter = super().create_url_adapter(request)
        if adapter is not None and self.config["SERVER_NAME"]:
            # With SERVER_NAME set, Werkzeug lets an impossible Host header pass.
            self.url_map.bind(request.host)
            request.host = self.config["SERVER_NAME"]
            adapter.url_scheme = self.config["PREFERRED_URL_SCHEME"]
            adapter.script_name = self.config["APPLICATION_ROOT"].rstrip("/") + "/"
        return adapter

    @cached_property
    def _adapter_outside_requests(self) -> MapAdapter | None:
        """Kept, because Flask asks for it in each application context, and so in each request."""
        return super().create_url_adapter(None)
