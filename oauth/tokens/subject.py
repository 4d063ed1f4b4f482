"""Pairwise subjects: a `sub` for each person and client, by which no two clients can compare their people.

As OpenID Connect Core 1.0, 8.1 has it, with the client itself as the sector. It is a keyed digest under a
secret that never changes: were it a server key, each person would be somebody else once that was rotated.
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable

from models import Client
from oauth.clients.registration import PAIRWISE_SUBJECT

SECRET = "pairwise subjects"  # noqa: S105 - a kept secret's name


class PairwiseSubjects:
    """Makes the `sub` of people with clients that are registered for one of their own."""

    def __init__(self, secret: Callable[[str], bytes]) -> None:
        """Take what gives the secret.

        Args:
            secret: gives the one that is kept under a name; raises StoreUnavailable where it cannot.
        """
        self._secret = secret

    def sub_of(self, client: Client, person_id: str) -> str | None:
        """What `client` is told in place of a person's stable id; None where it is told that.

        Args:
            client: as registered.
            person_id: as `Person.id` gave it.

        Raises:
            StoreUnavailable: the secret cannot be read.
        """
        if not client.flags.get(PAIRWISE_SUBJECT):
            return None
        # No client id holds a NUL, so that no two pairs read alike.
        pair = f"{client.client_id}\0{person_id}".encode()
        return urlsafe_b64encode(hmac.digest(self._secret(SECRET), pair, "sha256")).decode().rstrip("=")
