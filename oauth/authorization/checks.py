"""The rule of each parameter of an authorization request.

Each function takes a parameter as it was sent, None if it was omitted. It raises `invalid_request` with a
constant sentence, if not said otherwise.
"""

import re

from oauth.authorization.reading import Given
from oauth.authorization.request import FORM_POST, NO_PROMPT, PROMPTS, QUERY, RESPONSE_MODES
from oauth.clients.redirect_uris import is_of_web
from oauth.errors import NotSupported, malformed

_SECONDS = re.compile(r"[0-9]{1,10}", re.ASCII)
_NOT_SUPPORTED = ("request", "request_uri", "registration")


def answer_mode(sent: str | None, redirect_uri: str) -> str:
    """The response mode in which errors go out too: `query` where the sent one is not ours."""
    return FORM_POST if sent == FORM_POST and is_of_web(redirect_uri) else QUERY


def response_mode(sent: str | None, redirect_uri: str) -> str:
    """The response mode (OAuth 2.0 Multiple Response Types, 2.1)."""
    if sent is not None and sent not in RESPONSE_MODES:
        raise malformed("The response_mode must be query or form_post.")
    if sent == FORM_POST and not is_of_web(redirect_uri):
        raise malformed("The response_mode form_post needs a redirect URI with http or https.")
    return sent or QUERY


def prompt(sent: str | None) -> frozenset[str]:
    """The values of `prompt`; `none` stands alone (OpenID Connect Core 1.0, 3.1.2.1)."""
    values = frozenset((sent or "").split(" ")) - {""}
    if not values <= set(PROMPTS):
        raise malformed(f"The prompt must be some of {', '.join(PROMPTS)}.")
    if NO_PROMPT in values and len(values) > 1:
        raise malformed("The prompt none cannot be combined with another.")
    return values


def max_age(sent: str | None) -> int | None:
    """Seconds since the last active sign-in that the client accepts (OpenID Connect Core 1.0, 3.1.2.1)."""
    if sent is None:
        return None
    if not _SECONDS.fullmatch(sent):
        raise malformed("The max_age must be a number of seconds.")
    return int(sent)


def refuse_unsupported(given: Given) -> None:
    """Refuse what this server does not offer: request objects, and registration in a request.

    Raises:
        OAuth2Error: `request_not_supported`, `request_uri_not_supported` or `registration_not_supported`
            (OpenID Connect Core 1.0, 3.1.2.6).
    """
    for name in _NOT_SUPPORTED:
        if name in given.once:
            raise NotSupported(name)
