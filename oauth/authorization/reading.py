"""The strict parser of authorization requests: a query, or a form (RFC 6749, 3.1).

A parameter that stands in a request twice is refused, as at the token endpoint. Here it is only noted first:
a proven client is told by a redirect (4.1.2.1).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from flask import Request

from oauth.authorization.request import StoredParameters
from oauth.clients.redirect_uris import REDIRECT_URI_LENGTH
from oauth.errors import BodyTooLarge, malformed
from oauth.policy.claims_request import MAX_CLAIMS_CHARACTERS
from oauth.token_request import BODY_LIMIT, ParameterNames, parse_pairs, read_form

RESOURCE = "resource"
HINTED_SUB, PUSHED = "hinted_sub", "pushed"
"""Members of stored parameters that no request can send: the subject of a verified hint; a pushed request."""
LENGTHS: Mapping[str, int] = {
    "acr_values": 1024,
    "claims": MAX_CLAIMS_CHARACTERS,
    "claims_locales": 255,
    "client_id": 255,
    "code_challenge": 128,
    "code_challenge_method": 32,
    "display": 32,
    "id_token_hint": 8192,
    "login_hint": 255,
    "max_age": 10,
    "nonce": 1024,
    "prompt": 100,
    "redirect_uri": REDIRECT_URI_LENGTH,
    "registration": 8192,
    "request": 16_384,
    "request_uri": 512,
    "response_mode": 32,
    "response_type": 100,
    "scope": 4096,
    "state": 4096,
    "ui_locales": 255,
}
"""The parameters that are read, and the most characters of each. A state comes back in a URL."""
RESOURCE_LENGTH = 2048
MAX_RESOURCES = 20
NAMES = ParameterNames(frozenset(LENGTHS), frozenset({RESOURCE}))


class Given(NamedTuple):
    """The parameters of one request, and the names of those that it has more than once."""

    once: Mapping[str, str]
    resources: Sequence[str] = ()
    repeated: frozenset[str] = frozenset()

    def stored(self) -> dict[str, str | Sequence[str]]:
        """The parameters as they may be stored."""
        kept: dict[str, str | Sequence[str]] = dict(self.once)
        if self.resources:
            kept[RESOURCE] = list(self.resources)
        return kept


def read_request(request: Request) -> Given:
    """The parameters of a request to the authorization endpoint. An empty one counts as omitted (3.1).

    Args:
        request: by GET with a query, or by POST with a form.

    Raises:
        OAuth2Error: `invalid_request`, with a constant sentence.
    """
    if request.method == "POST":
        return read_given(parse_pairs(read_form(request, NAMES)))
    if len(request.query_string) > BODY_LIMIT:
        raise BodyTooLarge
    return read_given(parse_pairs(request.query_string))


def read_given(pairs: Sequence[tuple[str, str]]) -> Given:
    """Sort out the parameters that are read; all others are ignored (RFC 6749, 3.1).

    Args:
        pairs: names and values in their order.
    """
    once: dict[str, str] = {}
    resources: list[str] = []
    seen: set[str] = set()
    repeated: set[str] = set()
    for name, value in pairs:
        if name in NAMES.once:
            (repeated if name in seen else seen).add(name)
            once[name] = value
        elif name in NAMES.repeatable and value:
            resources.append(value)
    given = {name: value for name, value in once.items() if value and name not in repeated}
    return Given(given, resources, frozenset(repeated))


def restored(parameters: StoredParameters) -> Given:
    """Parameters as they were stored."""
    once = {name: value for name, value in parameters.items() if isinstance(value, str)}
    resources = parameters.get(RESOURCE, ())
    return Given(once, [resources] if isinstance(resources, str) else list(resources))


def refuse_unreadable(given: Given) -> None:
    """Refuse parameters that stand there twice, or are too long.

    Raises:
        OAuth2Error: `invalid_request`, with a constant sentence.
    """
    if given.repeated:
        # Only names of our own list are in it.
        raise malformed(f"The parameter {min(given.repeated)} is given more than once.")
    too_long = [name for name, value in given.once.items() if len(value) > LENGTHS.get(name, len(value))]
    if too_long:
        raise malformed(f"The parameter {min(too_long)} is too long.")
    if len(given.resources) > MAX_RESOURCES or any(len(each) > RESOURCE_LENGTH for each in given.resources):
        raise malformed("There are too many resources, or one is too long.")
