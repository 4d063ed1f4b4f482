"""The Content-Security-Policy of a page: no inline code, nothing from other hosts, and named form targets.

Chromium applies `form-action` to the redirect that answers a form too. So a page whose form may end in a
redirect to a client names that client's origin (CSP Level 3, 6.4.2).
"""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

_SOURCE = re.compile(r"'self'|'none'|[a-z][a-z0-9+.-]*:(//(\*\.)?[A-Za-z0-9.-]+(:[0-9]{1,5})?)?")
_HOST = re.compile(r"[A-Za-z0-9.-]+")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")


def content_security_policy(form_action: Sequence[str], *, scripts: bool = False) -> str:
    """Make the policy of a page.

    Args:
        form_action: Sources that forms of the page may lead to.
        scripts: Whether the page runs a script of ours.

    Raises:
        ValueError: A source is not of the form that `form_target` gives; it could change the policy.
    """
    if not all(map(_SOURCE.fullmatch, form_action)):
        raise ValueError("A target of a form is not a source (CSP Level 3, 2.3.1).")
    script_source = "'self'" if scripts else "'none'"
    return (
        f"default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; script-src {script_source}; "
        f"form-action {' '.join(form_action)}; frame-ancestors 'none'; base-uri 'none'"
    )


def form_target(url: str) -> str:
    """Give the source that allows a form to lead to a URL.

    A host that CSP cannot name, such as an IPv6 address, becomes its scheme alone (CSP Level 3, 2.3.1).

    Args:
        url: An absolute URL, such as a redirect URI; its scheme may be that of an app.

    Raises:
        ValueError: It is not an absolute URL.
    """
    parts = urlsplit(url)
    if not _SCHEME.fullmatch(parts.scheme):
        raise ValueError("The target of a form must be an absolute URL.")
    if parts.scheme not in {"http", "https"} or not _HOST.fullmatch(parts.hostname or ""):
        return f"{parts.scheme}:"
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}"
