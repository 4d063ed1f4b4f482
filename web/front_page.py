"""The front page: what this server is and how to start, for a person in a browser and for a program."""

from collections.abc import Mapping, Sequence

from flask import Blueprint, Response, render_template, request

from oauth import json_response
from oauth.endpoints.metadata import current_metadata, server_metadata
from oauth.policy.scope_registry import ScopeRegistry

ABOUT = "An OAuth 2.0 authorization server in front of a campus directory."
WARNING = (
    "The password grant is for testing and for trusted programs whose source is kept safe; "
    "RFC 9700, 2.4 says that nothing new may use it."
)


def front_page(issuer: str, catalogue: ScopeRegistry) -> Blueprint:
    """`/`, in HTML or JSON by what the request accepts (JSON where it has no wish).

    Args:
        issuer: the public base URL; links are built from it and never from the Host header.
        catalogue: of scopes, which a program is told.
    """
    pages = Blueprint("front_page", __name__, template_folder="templates")
    metadata, beside, start = server_metadata(issuer), _beside(issuer), _start(issuer)
    told = {"about": ABOUT, "warning": WARNING, "start": start, "served": _served(metadata), **beside}

    @pages.get("/")
    def index() -> Response:
        """What this is, in the form that was asked for."""
        if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
            page = render_template("front_page.html", **told)
            return Response(
                page, mimetype="text/html", headers={"Vary": "Accept", "Cache-Control": "no-cache"}
            )
        body = {
            "name": "NetID OAuth",
            "about": ABOUT,
            "warning": WARNING,
            **current_metadata(issuer, catalogue),
            "register": "flask client create NAME --grant password",
            "start": start,
            **beside,
        }
        return json_response(body, headers=[("Vary", "Accept")])

    return pages


def _served(metadata: Mapping[str, object]) -> Mapping[str, object]:
    """Every endpoint that the metadata names, under a name for people."""
    return {
        name.replace("_", " ").capitalize(): url
        for name, url in metadata.items()
        if name.endswith("_endpoint")
    }


def _beside(issuer: str) -> Mapping[str, object]:
    return {
        "sample_resources": [f"{issuer}/api/me", f"{issuer}/echo/v1/echo/hello"],
        "health": [f"{issuer}/healthz", f"{issuer}/readyz"],
    }


def _start(issuer: str) -> Sequence[str]:
    credentials = '-d "grant_type=password&username=net_id&password=password" -u "client_id:client_secret"'
    return [
        f'curl {credentials} "{issuer}/token"',
        f'curl -H "Authorization: Bearer access_token" "{issuer}/api/me"',
    ]
