"""Requests that the server itself sends to a URL that somebody registered: back-channel logout, later JWKs.

Owns: which addresses may be reached, TLS, the deadline, and the bounds of an answer. Must not know: OAuth,
SQL, Flask, the settings object, and why a request is sent. Start reading at `client.py`.

- `client.py`: one request, one answer.
- `addresses.py`: which addresses are refused.
- `network.py`: resolves a name once, checks its addresses, connects to a checked one.
"""

from outgoing.client import Answer, OutgoingClient
from outgoing.network import OutgoingFailed

__all__ = ["Answer", "OutgoingClient", "OutgoingFailed"]
