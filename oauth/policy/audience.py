"""Resource indicators (RFC 8707): which APIs a token is for.

A request that names no API gets a token for the client's default audience, else for this server's own
resources only (the default of RFC 9068, 3). A requested resource is compared as a text. The registered ones
are absolute URIs without a fragment, so nothing else ever matches.
"""

from collections.abc import Sequence

from models import Registration
from oauth.errors import invalid_target
from oauth.policy.restrictions import DEFAULT_AUDIENCE


def resolve_audience(resources: Sequence[str], client: Registration, issuer: str) -> str | None:
    """The audience that a client is granted, separated by spaces; None for this server alone.

    Args:
        resources: every `resource` parameter. Without one the client's default audience applies.
        client: the registered client. It may always request this server itself, by its issuer.
        issuer: the public base URL.

    Raises:
        OAuth2Error: `invalid_target`: the client may not have one of them (section 2).
    """
    resources = resources or client.restrictions.get(DEFAULT_AUDIENCE, ())
    if not set(resources) <= {issuer, *client.audiences}:
        raise invalid_target()
    return " ".join(dict.fromkeys(resources)) or None


def narrow_audience(
    resources: Sequence[str], granted: str | None, client: Registration, issuer: str
) -> str | None:
    """The audience of a refreshed token: the grant's, or the requested part of it.

    Resources that the client has lost since then are left out.

    Args:
        resources: every `resource` parameter.
        granted: the grant's audience.
        client: the registered client.
        issuer: the public base URL.

    Raises:
        OAuth2Error: `invalid_target`: more is requested than was granted, or nothing is left (section 2.2).
    """
    before = (granted or issuer).split()
    if not set(resources) <= set(before):
        raise invalid_target()
    kept = [each for each in dict.fromkeys(resources or before) if each in {issuer, *client.audiences}]
    if not kept:
        raise invalid_target()
    return " ".join(kept) if resources or granted else None


def audience_of(audience: str | None, issuer: str) -> str | list[str]:
    """The `aud` of a token: the requested resources, else this server (RFC 7519, 4.1.3).

    Args:
        audience: as it is stored.
        issuer: the public base URL.
    """
    resources = (audience or issuer).split()
    return resources if len(resources) > 1 else resources[0]
