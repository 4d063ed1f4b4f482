"""Detects passwords that a client put into its form without URL-encoding them (RFC 6749, appendix B).

Owns: what is a sure sign of that. Must not know: whether the password was right. A hint that depended on that
would be an oracle; this one depends only on the body, which its sender knows.
"""

import re
from urllib.parse import unquote_to_bytes

# No encoder leaves these as they are: a "%" that begins no octet, characters other than printable ASCII, and
# delimiters of forms and URLs. A "+" may be an encoded space.
_RAW = re.compile(rb"%(?![0-9A-Fa-f]{2})|[^\x21-\x7e]|[\"#<=>\\^`{|}]")

# Parameters that may follow a password in a token request (the IANA registry "OAuth Parameters"), whether
# this server reads them or not.
_KNOWN = frozenset(
    b"acr_values actor_token actor_token_type assertion audience client_assertion client_assertion_type "
    b"client_id client_secret code code_challenge code_challenge_method code_verifier device_code device_id "
    b"grant_type login_hint nonce prompt realm redirect_uri refresh_token requested_token_type resource "
    b"response_mode response_type scope state subject_token subject_token_type token token_type_hint "
    b"username".split()
)


def is_left_raw(body: bytes) -> bool:
    """Whether the password of a form was surely not URL-encoded.

    Its own octets show it, or an unknown parameter that follows it, or one without "=": the part of the
    password after an "&".

    Args:
        body: as it was received.
    """
    pairs = [pair.partition(b"=") for pair in body.split(b"&") if pair]
    names = [unquote_to_bytes(name) for name, _, _ in pairs]
    if b"password" not in names:
        return False
    at = names.index(b"password")
    if _RAW.search(pairs[at][2]):
        return True
    behind = at + 1
    return behind < len(pairs) and (not pairs[behind][1] or names[behind] not in _KNOWN)
