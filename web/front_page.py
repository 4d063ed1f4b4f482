"""The front page: what this server is and how to start, for a browser and for a program."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response

from core.setting_rules import is_loopback
from oauth import ServerMetadata, json_response
from web.pages import N_, render_page, wants_html

ABOUT = N_("An OAuth 2.0 authorization server in front of a campus directory.")
WARNING = N_(
    "The password grant is for testing and for trusted programs whose source is kept safe; "
    "RFC 9700, 2.4 says that nothing new may use it."
)
# Members of the metadata that link pages for people, and what the front page calls them.
_PAGES = {
    "service_documentation": N_("Documentation"),
    "op_policy_uri": N_("Rules for the data of users"),
    "op_tos_uri": N_("Terms of service"),
}


def front_page(issuer: str, metadata: ServerMetadata, contact: str | None) -> Blueprint:
    """`/`, in HTML or JSON by the Accept header; JSON by default.

    Args:
        issuer: The public base URL. Links are built from it and never from the Host header.
        metadata: Names the endpoints, scopes and pages that the front page links.
        contact: Where developers register a program: an email address, a URL, or None.
    """
    pages = Blueprint("front_page", __name__)
    common = {"about": ABOUT, "warning": WARNING, "start": _start(issuer), **_other_urls(issuer)}
    for_pages: dict[str, Any] = {
        **common,
        "contact": contact,
        "contact_link": _link(contact),
        "has_local_certificate": _has_local_certificate(issuer),
    }

    @pages.get("/")
    def index() -> Response:
        """The page, or the same as JSON."""
        document = metadata.document()
        if wants_html():
            return render_page(
                "front_page.html",
                form_action=("'none'",),
                headers=[("Vary", "Accept")],
                endpoints=_endpoints(document),
                pages=_pages(document),
                metadata=document,
                **for_pages,
            )
        register = {"register": "flask client create NAME --grant authorization_code --redirect-uri URI"}
        contacts = {"contact": contact} if contact else {}
        body = {"name": "NetID OAuth", **document, **register, **common, **contacts}
        return json_response(body, headers=[("Vary", "Accept")])

    return pages


def _endpoints(metadata: Mapping[str, object]) -> Mapping[str, object]:
    """The endpoints that the metadata names, under readable names."""
    return {
        name.removesuffix("_endpoint").replace("_", " ").capitalize(): url
        for name, url in metadata.items()
        if name.endswith("_endpoint")
    }


def _pages(metadata: Mapping[str, object]) -> Mapping[str, object]:
    """The operator's pages that the metadata links, by their titles."""
    return {title: metadata[name] for name, title in _PAGES.items() if name in metadata}


def _link(contact: str | None) -> str | None:
    """The target of a link to a contact: an email address needs a scheme (RFC 6068)."""
    return f"mailto:{contact}" if contact and "://" not in contact else contact


def _has_local_certificate(issuer: str) -> bool:
    """Whether the certificate is that of `make run`, which no browser or curl trusts."""
    return issuer.startswith("https:") and is_loopback(urlsplit(issuer).hostname or "")


def _other_urls(issuer: str) -> Mapping[str, object]:
    address = urlsplit(issuer)
    return {
        "metadata_uri": f"{address.scheme}://{address.netloc}{ServerMetadata.PATH}{address.path}",
        "sample_resources": [f"{issuer}/api/me", f"{issuer}/echo/v1/echo/hello"],
        "health": [f"{issuer}/healthz", f"{issuer}/readyz"],
    }


def _start(issuer: str) -> Sequence[str]:
    credentials = '-d "grant_type=password&username=net_id&password=password" -u "client_id:client_secret"'
    return [
        f'curl {credentials} "{issuer}/token"',
        f'curl -H "Authorization: Bearer access_token" "{issuer}/api/me"',
    ]
