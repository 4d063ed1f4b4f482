"""Which claims of a person each scope releases."""

from collections.abc import Mapping

from login import Person

SCOPE_CLAIMS: Mapping[str, tuple[str, ...]] = {"profile": ("net_id", "name"), "email": ("mail",)}


def claims_of(person: Person, scope: str) -> dict[str, object]:
    """The claims about `person` that `scope` releases; what the directory has no value for is left out.

    Args:
        person: as the directory has them now.
        scope: space-separated.
    """
    names = [name for part in scope.split() for name in SCOPE_CLAIMS.get(part, ())]
    return {name: value for name in names if (value := getattr(person, name)) is not None}
