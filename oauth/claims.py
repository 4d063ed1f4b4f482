"""Which claims of a person each scope releases, and what they are called at userinfo."""

from collections.abc import Mapping

from login import Person

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


def wants_groups(scope: str) -> bool:
    """Whether `scope` releases groups: only then are they searched for, which may cost the directory much."""
    return GROUPS in scope.split()


def released(claims: Mapping[str, object], scope: str) -> dict[str, object]:
    """Of a grant's claims, those that a token's scope releases: it may be narrower than the grant's.

    Args:
        claims: of the grant.
        scope: of the token, space-separated.
    """
    return {name: claims[name] for name in _names(scope) if name in claims}


def claims_of(person: Person, scope: str) -> dict[str, object]:
    """The claims about `person` that `scope` releases; what the directory has no value for is left out.

    Args:
        person: as the directory has them now.
        scope: space-separated.
    """
    found = {name: getattr(person, name) for name in _names(scope)}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in found.items()
        if value is not None and value != ()
    }


def standard_claims(claims: Mapping[str, object]) -> dict[str, object]:
    """Claims under the names of OpenID Connect (Core 1.0, 5.1).

    Args:
        claims: as `released` gave them.
    """
    return {_STANDARD_NAMES[name]: value for name, value in claims.items()}


def _names(scope: str) -> list[str]:
    return [name for part in scope.split() for name in SCOPE_CLAIMS.get(part, ())]
