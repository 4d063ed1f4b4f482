"""Which attribute holds which standard claim about a user (OpenID Connect Core 1.0, 5.1).

Owns: the claims that a directory may have, and the attributes of inetOrgPerson (RFC 2798) and its classes
that hold them. Must not know: which client gets a claim, and how a value is converted.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

NAME, EMAIL = "name", "email"
"""The claims that every directory has an attribute for."""
ALWAYS: Final = "TRUE"
"""In place of an attribute: the claim is true of every user."""
VERIFIED: Final = MappingProxyType({"email_verified": EMAIL, "phone_number_verified": "phone_number"})
"""Claims that say whether another claim was verified, with that claim."""
ADDRESS: Final = "address"
_ADDRESS_MEMBERS = ("formatted", "street_address", "locality", "region", "postal_code", "country")
ADDRESS_CLAIMS: Final = MappingProxyType({f"{ADDRESS}.{member}": member for member in _ADDRESS_MEMBERS})
"""The members of the claim `address` (section 5.1.1), by their names in settings."""
CLAIMS: Final = (
    NAME,
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "updated_at",
    EMAIL,
    "email_verified",
    "phone_number",
    "phone_number_verified",
    *ADDRESS_CLAIMS,
)
"""The claims that can be mapped to an attribute."""
INET_ORG_PERSON: Final = (
    ("given_name", "givenName"),
    ("family_name", "sn"),
    ("website", "labeledURI"),
    ("locale", "preferredLanguage"),
    ("phone_number", "telephoneNumber"),
    ("address.formatted", "postalAddress"),
    ("address.street_address", "street"),
    ("address.locality", "l"),
    ("address.region", "st"),
    ("address.postal_code", "postalCode"),
    ("address.country", "c"),
)
"""The attribute of each claim. `name` and `email` have their own members in a profile."""


def replaced(
    claim_attributes: tuple[tuple[str, str], ...], other: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    """A mapping in which other attributes replace those of the same claims, and an empty one removes it."""
    joined = {**dict(claim_attributes), **other}
    return tuple((claim, joined[claim]) for claim in CLAIMS if joined.get(claim))
