"""Valid restrictions of a client: rules about people, networks, origins of pages, a default audience."""

from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_network
from urllib.parse import urlsplit

from models import Registration
from oauth.policy.membership import rule_mistakes
from oauth.policy.restrictions import DEFAULT_AUDIENCE, MEMBER_RESTRICTIONS

RESTRICTIONS = (*MEMBER_RESTRICTIONS, "networks", "cors_origins", DEFAULT_AUDIENCE)
_DEFAULT_PORTS = {"http": 80, "https": 443}


def restriction_mistakes(registration: Registration, issuer: str) -> Sequence[str]:
    """A sentence for each mistake in a registration's restrictions.

    Args:
        registration: as the operator wants it.
        issuer: the server's public base URL.
    """
    sentences = [
        f"There is no restriction {name!r}; there are {', '.join(RESTRICTIONS)}."
        for name in registration.restrictions
        if name not in RESTRICTIONS
    ]
    for name in MEMBER_RESTRICTIONS:
        sentences += rule_mistakes(registration.restrictions.get(name, ()))
    for name, (is_right, sentence) in _VALUES.items():
        values = registration.restrictions.get(name, ())
        sentences += [sentence.format(value=repr(value)) for value in values if not is_right(value)]
    if registration.restrictions.get("cors_origins") and not _is_public(registration):
        sentences.append(
            "Pages of other origins are for public clients: a script in a page can keep no secret from "
            "whoever reads the page (OAuth 2.0 for Browser-Based Applications)."
        )
    sentences += [
        f"The default audience {uri!r} must be one of the client's audiences, or the issuer."
        for uri in registration.restrictions.get(DEFAULT_AUDIENCE, ())
        if uri not in {issuer, *registration.audiences}
    ]
    return sentences


def _is_network(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def _is_origin(text: str) -> bool:
    """Whether a browser would send exactly this as Origin (RFC 6454, 6.2): lower case, no default port."""
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname
    except ValueError:
        return False
    if not host or parts.scheme not in _DEFAULT_PORTS or port in {0, _DEFAULT_PORTS[parts.scheme]}:
        return False
    authority = f"[{host}]" if ":" in host else host
    return text == f"{parts.scheme}://{authority}{'' if port is None else f':{port}'}" and (
        text.isascii() and text.isprintable() and not set(text) & set(" ,;'\"\\")
    )


def _is_public(registration: Registration) -> bool:
    return registration.token_endpoint_auth_method == "none"  # noqa: S105 - a method's name


_VALUES: Mapping[str, tuple[Callable[[str], bool], str]] = {
    "networks": (
        _is_network,
        "The network {value} must be an address or a network, such as 192.0.2.0/24, without host bits.",
    ),
    "cors_origins": (
        _is_origin,
        "The origin {value} must read as browsers send it, such as https://app.example (RFC 6454, 6.2).",
    ),
}
