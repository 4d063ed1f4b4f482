"""A client's registration: which metadata is valid, and how it is listed (RFC 7591, 2 and 3.2.1)."""

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from models import Client, PasswordGrantPolicy, Registration
from oauth.clients.restriction_rules import restriction_mistakes
from oauth.clients.sign_in_rules import AUTHORIZATION_CODE, FIRST_PARTY, PKCE_OPTIONAL, sign_in_mistakes
from oauth.policy.claims import PAIRWISE_SUBJECT, claim_mistakes
from oauth.policy.scope import DEFAULT, is_wellformed

NONE = "none"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
GRANT_TYPES = ("password", "refresh_token", "client_credentials", AUTHORIZATION_CODE, DEVICE_CODE)
OPAQUE = "opaque"
TOKEN_FORMATS = (OPAQUE, "RS256", "ES256")
_NAME_LENGTH = 255
# Every JWT carries its scope and its audience, and many servers accept no header line over 8 KiB.
_JWT_LENGTH = 3000
PUBLIC_PASSWORD = "allow_public_password"  # noqa: S105 - a flag's name
KEEP_REFRESH_TOKEN = "keep_refresh_token"  # noqa: S105 - a flag's name
URL_ENCODING_HINTS = "url_encoding_hints"
TOLERANT_SCOPE = "tolerant_scope"
ID_TOKEN = "id_token"  # noqa: S105 - a flag's name
DETAILED_ERRORS = "told_reasons"
STRICT_AUTH_METHOD = "strict_auth_method"
REQUIRE_PAR = "require_pushed_authorization_requests"
FLAGS = (
    PUBLIC_PASSWORD,
    KEEP_REFRESH_TOKEN,
    URL_ENCODING_HINTS,
    TOLERANT_SCOPE,
    PAIRWISE_SUBJECT,
    ID_TOKEN,
    DETAILED_ERRORS,
    STRICT_AUTH_METHOD,
    FIRST_PARTY,
    PKCE_OPTIONAL,
    REQUIRE_PAR,
)


class Offer(NamedTuple):
    """What the server offers to clients: its methods of client authentication, and its issuer."""

    auth_methods: Sequence[str]
    issuer: str


def mistakes(registration: Registration, offer: Offer) -> Sequence[str]:
    """A sentence for each mistake in a registration; none if it can be stored.

    Args:
        registration: as the operator wants it.
        offer: what the server offers.
    """
    sentences = []
    if not 0 < len(registration.client_name) <= _NAME_LENGTH or not registration.client_name.isprintable():
        sentences.append("The name must be 1 to 255 printable characters.")
    owner = registration.owner
    if owner is not None and not (len(owner) <= _NAME_LENGTH and owner.isprintable()):
        sentences.append("The owner must be up to 255 printable characters.")
    sentences += [
        f"This server does not offer the grant {grant!r}; it offers {', '.join(GRANT_TYPES)}."
        for grant in registration.grant_types
        if grant not in GRANT_TYPES
    ]
    if registration.token_endpoint_auth_method not in offer.auth_methods:
        sentences.append(f"The authentication method must be one of {', '.join(offer.auth_methods)}.")
    sentences += _scope_mistakes(registration)
    sentences += _token_mistakes(registration)
    sentences += [
        f"The redirect URI {uri!r} must be absolute, name its host and have no fragment (RFC 6749, 3.1.2)."
        for uri in registration.redirect_uris
        if not _is_absolute(uri)
    ]
    sentences += sign_in_mistakes(registration)
    if registration.token_endpoint_auth_method == NONE:
        sentences += _public_mistakes(registration)
    return [*sentences, *claim_mistakes(registration), *restriction_mistakes(registration, offer.issuer)]


def needs_encoding_in_basic(client_id: str, registration: Registration) -> bool:
    """Whether a client's program must form-encode its id in a Basic header (RFC 6749, 2.3.1).

    Many programs send it raw (RFC 7617, 2), where the first colon ends the id. A public client sends none.

    Args:
        client_id: the client's id.
        registration: the client's metadata.
    """
    return ":" in client_id and registration.token_endpoint_auth_method != NONE


def metadata(client: Client) -> dict[str, object]:
    """A client's metadata under the names of RFC 7591, and ours. It has no secret.

    Args:
        client: as registered. Times are seconds since the epoch.
    """
    return {
        "client_id": client.client_id,
        "client_name": client.client_name,
        "client_id_issued_at": client.created_at,
        "grant_types": list(client.grant_types),
        "scope": client.scope,
        "redirect_uris": list(client.redirect_uris),
        "post_logout_redirect_uris": list(client.post_logout_redirect_uris),
        "backchannel_logout_uri": client.backchannel_logout_uri,
        "token_endpoint_auth_method": client.token_endpoint_auth_method,
        "default_scope": client.default_scope,
        "owner": client.owner,
        "resource_server": client.resource_server,
        "disabled_at": client.disabled_at,
        "flags": dict(client.flags),
        "access_token_format": client.access_token_format,
        "audiences": list(client.audiences),
        "released_claims": None if client.released_claims is None else list(client.released_claims),
        "restrictions": {name: list(values) for name, values in client.restrictions.items()},
        "password_grant": policy_metadata(client.password_grant),
        "secrets": [
            {
                "serial": secret.serial,
                "created_at": secret.created_at,
                "not_after": secret.not_after,
                "last_used_at": secret.last_used_at,
                "weak": secret.weak,
            }
            for secret in client.secrets
        ],
    }


def policy_metadata(policy: PasswordGrantPolicy) -> dict[str, object]:
    """A policy of the password grant with all its members. Times are seconds since the epoch.

    Args:
        policy: the client's.
    """
    return {**policy._asdict(), "brown_outs": [list(each) for each in policy.brown_outs]}


def _public_mistakes(registration: Registration) -> Sequence[str]:
    """The mistakes in the registration of a client without a secret."""
    sentences = []
    if "password" in registration.grant_types and not registration.flags.get(PUBLIC_PASSWORD):
        sentences.append(
            "A public client may use the password grant only with --allow-public-password: "
            "anyone who knows its id can then try passwords in its name."
        )
    if "client_credentials" in registration.grant_types:
        sentences.append(
            "A public client has no credentials of its own to use the client credentials grant with."
        )
    if registration.flags.get(KEEP_REFRESH_TOKEN):
        sentences.append(
            "A public client's refresh tokens are rotated always (RFC 9700, 2.2.2): "
            "--keep-refresh-token is for clients with a secret."
        )
    if registration.resource_server:
        sentences.append(
            "A resource server must have a secret: anyone could introspect in a public client's name."
        )
    return sentences


def _scope_mistakes(registration: Registration) -> Sequence[str]:
    sentences = []
    if registration.scope and not is_wellformed(registration.scope):
        sentences.append(
            "The scope must be names of printable ASCII without quotes or backslashes, one space between."
        )
    registered = registration.scope.split()
    if DEFAULT in registered:
        sentences.append(f"The scope {DEFAULT!r} is for clients that have no list: it cannot be in one.")
    if registration.default_scope is not None and not (
        is_wellformed(registration.default_scope)
        and set(registration.default_scope.split()) <= set(registered)
    ):
        sentences.append("The default scope must be part of the scope.")
    return sentences


def _token_mistakes(registration: Registration) -> Sequence[str]:
    """Mistakes in the format and the audiences of access tokens."""
    sentences = [
        f"The audience {uri!r} must be an absolute URI without a fragment (RFC 8707, 2)."
        for uri in registration.audiences
        if not _is_absolute(uri)
    ]
    if registration.access_token_format not in TOKEN_FORMATS:
        sentences.append(f"The access token format must be one of {', '.join(TOKEN_FORMATS)}.")
    elif registration.access_token_format != OPAQUE:
        length = len(registration.scope) + sum(map(len, registration.audiences))
        if length > _JWT_LENGTH:
            sentences.append(
                f"Scope and audiences may have {_JWT_LENGTH} characters together where access tokens are "
                "JWTs: each token carries them."
            )
    return sentences


def _is_absolute(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
    except ValueError:
        return False
    printable = uri.isascii() and uri.isprintable() and " " not in uri
    # A private-use scheme needs no host (RFC 8252, 7.1).
    place = parts.hostname if parts.scheme in {"http", "https"} else parts.netloc or parts.path
    return printable and bool(parts.scheme) and bool(place) and "#" not in uri
