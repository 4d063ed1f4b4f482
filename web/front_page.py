"""The front page: what this server is and how to start, for a browser and for a program."""

from collections.abc import Mapping, Sequence

from flask import Blueprint, Response, render_template, request

from oauth import ServerMetadata, json_response

ABOUT = "An OAuth 2.0 authorization server in front of a campus directory."
WARNING = (
    "The password grant is for testing and for trusted programs whose source is kept safe; "
    "RFC 9700, 2.4 says that nothing new may use it."
)


def front_page(issuer: str, metadata: ServerMetadata) -> Blueprint:
    """`/`, in HTML or JSON by the Accept header; JSON by default.

    Args:
        issuer: the public base URL; links are built from it and never from the Host header.
        metadata: names the endpoints that the page lists.
    """
    pages = Blueprint("front_page", __name__, template_folder="templates")
    common = {"about": ABOUT, "warning": WARNING, "start": _start(issuer), **_other_urls(issuer)}

    @pages.get("/")
    def index() -> Response:
        """The page, or the same as JSON."""
        document = metadata.document()
        if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
            page = render_template("front_page.html", served=_endpoints(document), **common)
            return Response(
                page, mimetype="text/html", headers={"Vary": "Accept", "Cache-Control": "no-cache"}
            )
        body = {
            "name": "NetID OAuth",
            **document,
            "register": "flask client create NAME --grant password",
            **common,
        }
        return json_response(body, headers=[("Vary", "Accept")])

    return pages


def _endpoints(metadata: Mapping[str, object]) -> Mapping[str, object]:
    """The endpoints that the metadata names, under readable names."""
    return {
        name.replace("_", " ").capitalize(): url
        for name, url in metadata.items()
        if name.endswith("_endpoint")
    }


def _other_urls(issuer: str) -> Mapping[str, object]:
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
