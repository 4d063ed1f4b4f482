"""What a client learns about a person: their `sub`, and the claims that each scope releases.

A pairwise `sub` is one for each person and client, so that clients cannot compare their people. It follows
OpenID Connect Core 1.0, 8.1, with the client itself as the sector. It is a keyed digest under a secret that
never changes: under a server key, every person's `sub` would change when the key is rotated.
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache

from login import Person
from models import AccessToken, Client, RefreshToken, Registration

PAIRWISE_SUBJECT = "pairwise_subject"
"""The flag of clients that get a `sub` of their own for each person."""
_SECRET = "pairwise subjects"  # noqa: S105 - a secret's name

GROUPS = "groups"
SCOPE_CLAIMS: Mapping[str, tuple[str, ...]] = {
    "profile": ("net_id", "name"),
    "email": ("mail",),
    GROUPS: ("groups",),
    "eduperson": ("affiliations", "principal_name"),
}

# OpenID Connect Core, 5.1, and REFEDS' OpenID Connect claims for eduPerson.
_STANDARD_NAMES: Mapping[str, str] = {
    "net_id": "preferred_username",
    "name": "name",
    "mail": "email",
    "groups": "groups",
    "affiliations": "eduperson_affiliation",
    "principal_name": "eduperson_principal_name",
}
STANDARD_CLAIMS = ("sub", *_STANDARD_NAMES.values())
"""The claims that userinfo can release."""
SUBJECT_TYPES = ("public", "pairwise")
"""OpenID Connect Core 1.0, 8."""
_OUR_NAMES = {
    **{standard: ours for ours, standard in _STANDARD_NAMES.items()},
    **{n: n for n in _STANDARD_NAMES},
}


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
        return urlsafe_b64encode(hmac.digest(self._secret(_SECRET), pair, "sha256")).decode().rstrip("=")


def claim_mistakes(registration: Registration) -> Sequence[str]:
    """A sentence for each released claim that does not exist.

    Args:
        registration: as the operator wants it.
    """
    return [
        f"There is no claim {name!r}; there are {', '.join(_STANDARD_NAMES)}."
        for name in registration.released_claims or ()
        if name not in _OUR_NAMES
    ]


def wants_groups(scope: str, allowed: Sequence[str] | None) -> bool:
    """Whether groups are released.

    Only then are groups searched for: the search may cost the directory much.

    Args:
        scope: space-separated.
        allowed: the claims that the client may get, None for all.
    """
    return GROUPS in _names(scope, allowed)


def claims_of(person: Person, scope: str, allowed: Sequence[str] | None) -> dict[str, object]:
    """The claims about `person` that are released, without those that the directory has no value for.

    A person who asked for privacy has none.

    Args:
        person: as the directory has them now.
        scope: space-separated.
        allowed: the claims that the client may get, None for all.
    """
    if person.private:
        return {}
    values = {name: getattr(person, name) for name in _names(scope, allowed)}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if value is not None and value != ()
    }


def released_claims_of(token: AccessToken) -> dict[str, object]:
    """The claims that an access token releases about its person: always `sub`.

    The token's scope may be narrower than its grant's, and its client may get fewer claims than at the login.

    Args:
        token: of a person.
    """
    names = () if token.private else _names(token.scope, token.released_claims)
    return {
        "sub": token.sub or token.subject,
        **{name: token.claims[name] for name in names if name in token.claims},
    }


def username_of(token: AccessToken | RefreshToken) -> str | None:
    """The login name in the answer to an introspection (RFC 7662, 2.2), None if it is not released.

    A client with pairwise subjects gets it only by the scope `profile`: a login name would let it compare its
    people with those of other clients.
    """
    allowed = None if token.released_claims is None else _ours(token.released_claims)
    if token.private or (allowed is not None and "net_id" not in allowed):
        return None
    if token.sub is not None and "net_id" not in _names(token.scope, allowed):
        return None
    return token.net_id


def standard_claims(claims: Mapping[str, object]) -> dict[str, object]:
    """Claims under the names of OpenID Connect (Core 1.0, 5.1).

    Args:
        claims: as `released_claims_of` gave them.
    """
    return {_STANDARD_NAMES.get(name, name): value for name, value in claims.items()}


def _names(scope: str, allowed: Collection[str] | None) -> Sequence[str]:
    return _names_of(scope, None if allowed is None else tuple(allowed))


@lru_cache(maxsize=1024)
def _names_of(scope: str, allowed: tuple[str, ...] | None) -> Sequence[str]:
    names = [name for part in scope.split() for name in SCOPE_CLAIMS.get(part, ())]
    given = names if allowed is None else _ours(allowed)
    return tuple(name for name in names if name in given)


def _ours(names: Collection[str]) -> set[str]:
    return {_OUR_NAMES[name] for name in names if name in _OUR_NAMES}
