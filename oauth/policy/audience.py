"""Resource indicators (RFC 8707): which APIs a token is for.

Who asks for none gets a token for this server's own resources alone (the default of RFC 9068, 3): a token for
another API is had by naming that API. What is asked for is compared as it stands: the registered ones are
absolute URIs without a fragment, and so nothing else ever matches.
"""

from collections.abc import Sequence

from models import Registration
from oauth.errors import invalid_target


def resolve_audience(asked: Sequence[str], client: Registration, issuer: str) -> str | None:
    """The audience of a token that a client is granted, with spaces between; None where it asked for none.

    Args:
        asked: every `resource` parameter.
        client: the registered client; this server itself, by its issuer, it may always ask for.
        issuer: the public base URL.

    Raises:
        OAuth2Error: `invalid_target`, where it asked for what it may not have (section 2).
    """
    if not set(asked) <= {issuer, *client.audiences}:
        raise invalid_target()
    return " ".join(dict.fromkeys(asked)) or None


def narrow_audience(
    asked: Sequence[str], granted: str | None, client: Registration, issuer: str
) -> str | None:
    """The audience of a token that is refreshed: the grant's, or that part of it which is asked for.

    What has been taken from the client since then is left out.

    Args:
        asked: every `resource` parameter.
        granted: the grant's audience.
        client: the registered client.
        issuer: the public base URL.

    Raises:
        OAuth2Error: `invalid_target`, where more is asked, or nothing is left (section 2.2).
    """
    had = (granted or issuer).split()
    if not set(asked) <= set(had):
        raise invalid_target()
    kept = [each for each in dict.fromkeys(asked or had) if each in {issuer, *client.audiences}]
    if not kept:
        raise invalid_target()
    return " ".join(kept) if asked or granted else None


def audience_of(audience: str | None, issuer: str) -> str | list[str]:
    """For whom a token is: the resources that were asked for, else this server (RFC 7519, 4.1.3).

    Args:
        audience: as it is stored.
        issuer: the public base URL.
    """
    found = (audience or issuer).split()
    return found if len(found) > 1 else found[0]
