"""Signs that a program puts a password into its form as it was typed (RFC 6749, appendix B).

Owns: what is a sure sign. Must not know: whether the password was right. A hint that followed from that would
be an oracle; this one follows from the body alone, which its sender knows.
"""

import re
from urllib.parse import unquote_to_bytes

# No program that encodes leaves these as they are: a "%" that begins no octet, what is no printable ASCII,
# and marks that a form or a URL needs for itself. A "+" may be a space that was encoded.
_RAW = re.compile(rb"%(?![0-9A-Fa-f]{2})|[^\x21-\x7e]|[\"#<=>\\^`{|}]")

# What may stand behind a password with good reason: the parameters of token requests that programs send (the
# IANA registry "OAuth Parameters"), whether this server reads them or not.
_KNOWN = frozenset(
    b"acr_values actor_token actor_token_type assertion audience client_assertion client_assertion_type "
    b"client_id client_secret code code_challenge code_challenge_method code_verifier device_code device_id "
    b"grant_type login_hint nonce prompt realm redirect_uri refresh_token requested_token_type resource "
    b"response_mode response_type scope state subject_token subject_token_type token token_type_hint "
    b"username".split()
)


def is_left_raw(body: bytes) -> bool:
    """Whether the password of a form was surely not URL-encoded.

    So it is where its own octets say so, or where parameters stand behind it that nobody knows, or that have
    no "=": what followed an "&" in it.

    Args:
        body: as it came.
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
