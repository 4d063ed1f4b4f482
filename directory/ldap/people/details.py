"""The standard claims of a user's entry beyond name and mail address (OpenID Connect Core 1.0, 5.1).

Owns: how the value of an attribute becomes the value of a claim. Must not know: who gets it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Final, NamedTuple

from directory.ldap.kinds.claim_attributes import ADDRESS, ADDRESS_CLAIMS, ALWAYS, EMAIL, VERIFIED
from directory.ldap.protocol.entry import Entry, moment_of

_LANGUAGE: Final = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
_BASIC_DATE: Final = re.compile(r"(\d{4})(\d\d)(\d\d)")


class _Step(NamedTuple):
    """A claim, its attribute in lower case, its converter, and the member of `address` that it is."""

    claim: str
    attribute: str
    convert: Callable[[str], object] | None
    member: str | None


def details_of(
    entry: Entry, claim_attributes: tuple[tuple[str, str], ...], mail: str | None
) -> Mapping[str, object]:
    """The claims that an entry has a value for.

    Args:
        entry: as it was read.
        claim_attributes: the claims, each with its attribute.
        mail: the user's mail address. Without one, nothing is said about its verification.
    """
    details: dict[str, object] = {}
    address: dict[str, object] = {}
    attributes = entry.attributes
    # Every login runs this loop, and most entries lack most attributes.
    for claim, attribute, convert, member in _plan(claim_attributes):
        if attribute not in attributes:
            continue
        text = (entry.text(attribute) or "").strip()
        value = convert(text) if text and convert else text or None
        if value is None:
            continue
        if member is None:
            details[claim] = value
        else:
            address[member] = value
    if address:
        details[ADDRESS] = address
    for claim, verified, always in _verifications(claim_attributes):
        if mail is None if verified == EMAIL else verified not in details:
            details.pop(claim, None)
        elif always:
            details[claim] = True
    return details


@lru_cache
def _plan(claim_attributes: tuple[tuple[str, str], ...]) -> Sequence[_Step]:
    """The steps that `details_of` takes for each entry."""
    return tuple(
        _Step(claim, attribute.lower(), _converter(claim, attribute), ADDRESS_CLAIMS.get(claim))
        for claim, attribute in claim_attributes
    )


@lru_cache
def _verifications(claim_attributes: tuple[tuple[str, str], ...]) -> Sequence[tuple[str, str, bool]]:
    """The mapped claims about verification: each with the claim that it is about, and if it is constant."""
    return tuple(
        (claim, VERIFIED[claim], attribute == ALWAYS)
        for claim, attribute in claim_attributes
        if claim in VERIFIED
    )


def _converter(claim: str, attribute: str) -> Callable[[str], object] | None:
    if claim == "updated_at":
        return partial(moment_of, attribute)
    return _CONVERTERS.get(claim)


def _truth(text: str) -> bool | None:
    """A Boolean of LDAP (RFC 4517, section 3.3.3)."""
    return {"TRUE": True, "FALSE": False}.get(text.upper())


def _language(text: str) -> str | None:
    """The first language of `preferredLanguage` (RFC 2798, 2.7), which has the form of Accept-Language."""
    first = re.split(r"[,;\s]", text, maxsplit=1)[0]
    return first if _LANGUAGE.fullmatch(first) else None


def _address_lines(text: str) -> str:
    r"""The lines of a postal address (RFC 4517, section 3.3.28): `$` separates them, `\24` is a dollar."""
    lines = [line.strip() for line in text.split("$")]
    return "\n".join(
        re.sub(r"\\5c", r"\\", re.sub(r"\\24", "$", line), flags=re.IGNORECASE) for line in lines
    )


def _uri(text: str) -> str:
    """The URI of `labeledURI` (RFC 2079), without its label."""
    return text.split(maxsplit=1)[0]


def _date(text: str) -> str:
    """A date in the form of ISO 8601; schacDateOfBirth has it without hyphens."""
    match = _BASIC_DATE.fullmatch(text)
    return "-".join(match.groups()) if match else text


_CONVERTERS: Final[Mapping[str, Callable[[str], object]]] = MappingProxyType(
    {
        "email_verified": _truth,
        "phone_number_verified": _truth,
        "locale": _language,
        "website": _uri,
        "profile": _uri,
        "picture": _uri,
        "birthdate": _date,
        "address.formatted": _address_lines,
        "address.street_address": _address_lines,
    }
)
