"""The `sid` of a session in ID tokens and logout tokens (OpenID Connect Back-Channel Logout 1.0, 2.1).

Each client gets another one for the same session, so that clients cannot tell that their users share a
browser. It is a digest of the session's id, which is random and which no client sees: so nobody can compute
the `sid` that another client has.
"""

from base64 import urlsafe_b64encode
from hashlib import sha256

_OCTETS = 16


def sid_of(session_id: bytes, client_id: str) -> str:
    """The `sid` of a session for one client.

    Args:
        session_id: the session's random id.
        client_id: the client that learns it.
    """
    digest = sha256(b"sid\0" + session_id + client_id.encode()).digest()
    return urlsafe_b64encode(digest[:_OCTETS]).decode("ascii").rstrip("=")
