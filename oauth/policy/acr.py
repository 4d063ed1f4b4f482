"""How a user signed in, in the words of ID tokens: `acr` and `amr` (OpenID Connect Core 1.0, 2).

The reasons for the value are in docs/decisions/0036-id-tokens-and-claims.md.
"""

from collections.abc import Sequence

from login import PASSWORD_AMR

PASSWORD_ACR = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"  # noqa: S105 - a class's name
"""The `acr` of a sign-in with a password over TLS (SAML 2.0 Authentication Context, 3.4.2)."""
ACR_VALUES = (PASSWORD_ACR,)
"""Every `acr` that this server can give."""


def acr_of(amr: Sequence[str]) -> str | None:
    """The `acr` of a sign-in by these methods, None if there is none for them.

    Args:
        amr: the methods (RFC 8176).
    """
    return PASSWORD_ACR if tuple(amr) == PASSWORD_AMR else None
