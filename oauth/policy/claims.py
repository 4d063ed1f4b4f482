"""What a client learns about a person: their `sub`, and the claims that each scope releases.

A pairwise `sub` is one for each person and client, so that clients cannot compare their people. It follows
OpenID Connect Core 1.0, 8.1, with the client itself as the sector. It is a keyed digest under a secret that
never changes: under a server key, every person's `sub` would change when the key is rotated.
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache

from login import Person
from models import AccessToken, Client, RefreshToken, Registration
from oauth.policy.scope import ScopeRules

PAIRWISE_SUBJECT = "pairwise_subject"
"""The flag of clients that get a `sub` of their own for each person."""
_SECRET = "pairwise subjects"  # noqa: S105 - a secret's name

GROUPS = "groups"
SCOPE_CLAIMS: Mapping[str, tuple[str, ...]] = {
    "profile": (
        "net_id",
        "name",
        "given_name",
        "family_name",
        "middle_name",
        "nickname",
        "profile",
        "picture",
        "website",
        "gender",
        "birthdate",
        "zoneinfo",
        "locale",
        "updated_at",
    ),
    "email": ("mail", "email_verified"),
    "address": ("address",),
    "phone": ("phone_number", "phone_number_verified"),
    GROUPS: (GROUPS,),
    "eduperson": ("affiliations", "principal_name"),
}
"""The claims that each scope releases, under our names (OpenID Connect Core 1.0, 5.4)."""
SCOPE_OF_CLAIM: Mapping[str, str] = {name: scope for scope, names in SCOPE_CLAIMS.items() for name in names}

# Ours that have other names in OpenID Connect Core, 5.1, or in REFEDS' claims for eduPerson.
_STANDARD_NAMES: Mapping[str, str] = {
    "net_id": "preferred_username",
    "mail": "email",
    "affiliations": "eduperson_affiliation",
    "principal_name": "eduperson_principal_name",
}
# These are members of `Person`; all others are in its `details`.
_MEMBERS = frozenset({"net_id", "name", "mail", GROUPS, "affiliations", "principal_name"})
SUBJECT_TYPES = ("public", "pairwise")
"""OpenID Connect Core 1.0, 8."""
OUR_NAMES: Mapping[str, str] = {
    **{_STANDARD_NAMES.get(name, name): name for name in SCOPE_OF_CLAIM},
    **{name: name for name in SCOPE_OF_CLAIM},
}
"""Our name of each claim, by either of its names."""
PERSON_CLAIMS = ("sub", "preferred_username", GROUPS, "eduperson_affiliation", "eduperson_principal_name")
"""The claims that userinfo can release, whatever attributes the directory has."""
REQUESTED = "requested"
"""The member of a grant's claims that says which were requested by `claims`, and for what."""


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
        f"There is no claim {name!r}; there are {', '.join(SCOPE_OF_CLAIM)}."
        for name in registration.released_claims or ()
        if name not in OUR_NAMES
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
    return {} if person.private else _values_of(person, _names(scope, allowed))


def granted_claims(
    person: Person, scope: str, requested: Mapping[str, Sequence[str]], client: Client, rules: ScopeRules
) -> dict[str, object]:
    """The claims that a grant stores: those of its scope, and those that were requested singly.

    A claim is given singly only if the client is registered for a scope that releases it, and the rules of
    that scope allow the person. Else the parameter `claims` would go around the scopes.

    Args:
        person: as the directory has them now.
        scope: space-separated.
        requested: for `userinfo` and for `id_token`, the names of the claims.
        client: as registered.
        rules: the rules of scopes.
    """
    claims = claims_of(person, scope, client.released_claims)
    names = dict.fromkeys(name for each in requested.values() for name in each)
    if not names:
        return claims
    claims[REQUESTED] = {target: list(each) for target, each in requested.items()}
    if person.private:
        return claims
    scopes = {SCOPE_OF_CLAIM[name] for name in names if name in SCOPE_OF_CLAIM} & set(client.scope.split())
    permitted = rules.permitted(person, " ".join(sorted(scopes)))
    allowed = _name_set(permitted, client.released_claims)
    return {**_values_of(person, [name for name in names if name in allowed]), **claims}


def requested_in(claims: Mapping[str, object]) -> Mapping[str, Sequence[str]]:
    """The names of the claims that were requested singly, for `userinfo` and for `id_token`.

    Args:
        claims: of a grant, as `granted_claims` made them.
    """
    found = claims.get(REQUESTED)
    return found if isinstance(found, dict) else {}


def id_token_claims(claims: Mapping[str, object], allowed: Sequence[str] | None) -> dict[str, object]:
    """The claims about a person that were requested for the ID token, under their standard names.

    Args:
        claims: of a grant, as `granted_claims` made them.
        allowed: the claims that the client may get, None for all.
    """
    names = requested_in(claims).get("id_token", ())
    given = names if allowed is None else _ours(allowed)
    return standard_claims({name: claims[name] for name in names if name in claims and name in given})


def released_claims_of(token: AccessToken) -> dict[str, object]:
    """The claims of ours that an access token releases about its person: always `sub`.

    They are those that programs know from before there was a sign-in page; `userinfo_claims_of` has all. The
    token's scope may be narrower than its grant's, and its client may get fewer claims than at the login.

    Args:
        token: of a person.
    """
    names = () if token.private else _names(token.scope, token.released_claims)
    return {
        "sub": token.sub or token.subject,
        **{name: token.claims[name] for name in names if name in _MEMBERS and name in token.claims},
    }


def userinfo_claims_of(token: AccessToken) -> dict[str, object]:
    """The claims that userinfo releases, under the names of OpenID Connect (Core 1.0, 5.1 and 5.3.2).

    Claims that were requested singly for userinfo are among them.

    Args:
        token: of a person.
    """
    subject: dict[str, object] = {"sub": token.sub or token.subject}
    if token.private:
        return subject
    names, requested = _name_set(token.scope, token.released_claims), token.claims.get(REQUESTED)
    if requested is not None:
        given = OUR_NAMES if token.released_claims is None else _ours(token.released_claims)
        names |= {name for name in requested_in(token.claims).get("userinfo", ()) if name in given}
    return subject | standard_claims({name: token.claims[name] for name in token.claims if name in names})


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
        claims: under our names.
    """
    return {_STANDARD_NAMES.get(name, name): value for name, value in claims.items()}


def _names(scope: str, allowed: Collection[str] | None) -> Sequence[str]:
    return _names_of(scope, None if allowed is None else tuple(allowed))


def _name_set(scope: str, allowed: Collection[str] | None) -> frozenset[str]:
    return _name_set_of(scope, None if allowed is None else tuple(allowed))


@lru_cache(maxsize=1024)
def _names_of(scope: str, allowed: tuple[str, ...] | None) -> Sequence[str]:
    names = [name for part in scope.split() for name in SCOPE_CLAIMS.get(part, ())]
    given = names if allowed is None else _ours(allowed)
    return tuple(name for name in names if name in given)


@lru_cache(maxsize=1024)
def _name_set_of(scope: str, allowed: tuple[str, ...] | None) -> frozenset[str]:
    return frozenset(_names_of(scope, allowed))


def _ours(names: Collection[str]) -> set[str]:
    return {OUR_NAMES[name] for name in names if name in OUR_NAMES}


def _values_of(person: Person, names: Iterable[str]) -> dict[str, object]:
    """The values that the directory has of these claims."""
    values, details = {}, person.details
    for name in names:
        value = getattr(person, name) if name in _MEMBERS else details.get(name)
        if value is not None and value != ():
            values[name] = list(value) if isinstance(value, tuple) else value
    return values
