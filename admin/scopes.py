"""The catalogue of scopes: what each scope is for, and who may have it."""

from collections.abc import Sequence

from models import ScopeStore
from oauth.policy.scope_registry import BUILT_IN


def undescribed_scopes(*scopes: str) -> Sequence[str]:
    """The names in `scopes` that neither the server nor the catalogue describes: a name may be misspelt.

    Args:
        scopes: names of scopes, several in each with spaces between.

    Raises:
        StoreUnavailable: the database did not answer.
    """
    known = {*BUILT_IN, *(scope.name for scope in ScopeStore().list())}
    return tuple(dict.fromkeys(name for scope in scopes for name in scope.split() if name not in known))
