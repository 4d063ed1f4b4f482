"""Pairwise subjects: a `sub` for each person and client, so that clients cannot compare their people.

They follow OpenID Connect Core 1.0, 8.1, with the client itself as the sector. The `sub` is a keyed digest
under a secret that never changes. Under a server key, every person's `sub` would change when the key is
rotated.
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable

from models import Client
from oauth.clients.registration import PAIRWISE_SUBJECT

SECRET = "pairwise subjects"  # noqa: S105 - a secret's name


class PairwiseSubjects:
    """Makes the `sub` of people, for clients that are registered for pairwise subjects."""

    def __init__(self, secret: Callable[[str], bytes]) -> None:
        """Take the source of the secret.

        Args:
            secret: gives the persistent secret of a name; raises StoreUnavailable if the database cannot say.
        """
        self._secret = secret

    def sub_of(self, client: Client, person_id: str) -> str | None:
        """The `sub` that `client` gets for a person; None if it gets the person's stable id.

        Args:
            client: as registered.
            person_id: as `Person.id` gave it.

        Raises:
            StoreUnavailable: the secret cannot be read.
        """
        if not client.flags.get(PAIRWISE_SUBJECT):
            return None
        # No client id contains a NUL, so no two pairs are equal.
        pair = f"{client.client_id}\0{person_id}".encode()
        return urlsafe_b64encode(hmac.digest(self._secret(SECRET), pair, "sha256")).decode().rstrip("=")
