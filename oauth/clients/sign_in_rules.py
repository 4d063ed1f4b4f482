"""Valid metadata of clients whose users sign in at this server's pages: redirect URIs, logout, PKCE."""

from collections.abc import Sequence

from models import Registration
from oauth.clients.redirect_uris import is_safe

AUTHORIZATION_CODE = "authorization_code"
FIRST_PARTY, PKCE_OPTIONAL = "first_party", "pkce_optional"
_NONE = "none"


def sign_in_mistakes(registration: Registration) -> Sequence[str]:
    """A sentence for each mistake in what a registration says of sign-in.

    Args:
        registration: as the operator wants it.
    """
    sentences = []
    if AUTHORIZATION_CODE in registration.grant_types:
        if not registration.redirect_uris:
            sentences.append("The grant authorization_code needs a redirect URI (--redirect-uri).")
        sentences += [
            f"The redirect URI {uri!r} must be https, or http at 127.0.0.1, [::1] or localhost, or have a "
            "scheme with a period, such as edu.campus.app (RFC 8252, 7). A user name and a fragment are not "
            "allowed in it."
            for uri in registration.redirect_uris
            if not is_safe(uri)
        ]
    sentences += [
        f"The address after a logout {uri!r} must be one that could be a redirect URI: https, "
        "http at this machine, or a scheme with a period."
        for uri in registration.post_logout_redirect_uris
        if not is_safe(uri)
    ]
    notified = registration.backchannel_logout_uri
    if notified is not None and not (is_safe(notified) and notified.startswith("https://")):
        sentences.append("The back-channel logout URI must be https, without a fragment and a user name.")
    if registration.flags.get(PKCE_OPTIONAL) and not _may_omit_pkce(registration):
        sentences.append(
            "Only a client with a secret and the scope openid may do without PKCE (--pkce optional): "
            "another client's stolen code could be used (RFC 9700, 2.1.1)."
        )
    if registration.flags.get(FIRST_PARTY) and _can_be_imitated(registration):
        sentences.append(
            "A public client can be --first-party only with https redirect URIs: any program of the user's "
            "machine could sign in as it, and the user would not be asked (RFC 8252, 8.6)."
        )
    return sentences


def _can_be_imitated(registration: Registration) -> bool:
    is_public = registration.token_endpoint_auth_method == _NONE
    return is_public and not all(uri.startswith("https://") for uri in registration.redirect_uris)


def _may_omit_pkce(registration: Registration) -> bool:
    return registration.token_endpoint_auth_method != _NONE and "openid" in registration.scope.split()
