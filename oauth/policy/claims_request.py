"""The request parameter `claims`: single claims for userinfo and the ID token (OpenID Connect Core 1.0, 5.5).

Owns: how the parameter is read, and its bounds. A claim that this server does not know is ignored (5.5). So
are `essential` and `value`, which change nothing about what is released, except where the specification gives
them a meaning: the value of `sub`, and an essential `acr`. Must not know: what a client may have.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from oauth.errors import malformed
from oauth.policy.claims import OUR_NAMES, SCOPE_OF_CLAIM

MAX_CLAIMS_CHARACTERS = 4096
"""Longest value of the parameter. All claims together need a quarter of it."""


class ClaimsRequest(NamedTuple):
    """What a request asks for by `claims`.

    `userinfo` and `id_token` are names of ours, in the order of the request. `sub` is the only subject that
    the client accepts (5.5.1), and `acrs` are the values of an essential `acr` (5.5.1.1); None for any.
    """

    userinfo: tuple[str, ...] = ()
    id_token: tuple[str, ...] = ()
    sub: str | None = None
    acrs: frozenset[str] | None = None

    def is_met_by(self, acr_values: Collection[str]) -> bool:
        """Whether a sign-in with one of these can be enough. If not, it counts as failed (5.5.1.1)."""
        return self.acrs is None or not self.acrs.isdisjoint(acr_values)

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes that would release the same claims: a consent page asks for them too."""
        return frozenset(SCOPE_OF_CLAIM[name] for name in (*self.userinfo, *self.id_token))


NO_CLAIMS = ClaimsRequest()
"""A request without the parameter."""


def parse_claims(text: str | None) -> ClaimsRequest:
    """Read the parameter `claims`.

    Args:
        text: its value, None if it was omitted.

    Raises:
        OAuth2Error: `invalid_request`: it is too long, or not the JSON object of section 5.5.
    """
    if text is None:
        return NO_CLAIMS
    if len(text) > MAX_CLAIMS_CHARACTERS:
        raise malformed("The parameter claims is too long.")
    try:
        request = json.loads(text, object_pairs_hook=_distinct, parse_constant=_no_constant)
        userinfo, id_token = _member(request, "userinfo"), _member(request, "id_token")
        acr = _member(id_token, "acr")
        return ClaimsRequest(
            userinfo=_known(userinfo),
            id_token=_known(id_token),
            sub=_only(_values(_member(each, "sub")) for each in (userinfo, id_token)),
            acrs=_values(acr) if acr.get("essential") is True else None,
        )
    # Deeply nested brackets exceed Python's recursion limit.
    except (ValueError, RecursionError):
        raise malformed("The parameter claims is not a JSON object as OpenID Connect has it.") from None


def _distinct(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is repeated")
    return members


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _member(of: object, name: str) -> Mapping[str, Any]:
    """The member of an object, which is an object too; an empty one where it is null or missing."""
    if not isinstance(of, dict):
        raise ValueError("not an object")  # noqa: TRY004 - one error for every malformed request
    value = of.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError("a member is neither null nor an object")  # noqa: TRY004
    return value


def _known(requested: Mapping[str, Any]) -> tuple[str, ...]:
    """The requested claims that this server knows, each once and by its name of ours."""
    for name in requested:
        _member(requested, name)
    return tuple(dict.fromkeys(OUR_NAMES[name] for name in requested if name in OUR_NAMES))


def _values(requested: Mapping[str, Any]) -> frozenset[str] | None:
    """The acceptable values of a claim (5.5.1), None for any."""
    if "value" not in requested and "values" not in requested:
        return None
    values = [requested["value"]] if "value" in requested else requested["values"]
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError("values are texts")
    return frozenset(values)


def _only(values: Iterable[frozenset[str] | None]) -> str | None:
    """The one value that all of these name, None if they name none."""
    named: set[str] = set().union(*(each for each in values if each is not None))
    if len(named) > 1:
        raise ValueError("several subjects")
    return next(iter(named), None)
