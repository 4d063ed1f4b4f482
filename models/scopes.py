"""The catalogue of scopes: what each is called, what it is for, and whom it is for."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from models.base import connection, rows_changed, table
from models.tables import ScopeRow

_SCOPE = table(ScopeRow)
_SELECT = select(_SCOPE)


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope of the catalogue; of its `needs` (`group:DN`, `affiliation:NAME`) a person must have one."""

    name: str
    description: str = ""
    needs: Sequence[str] = ()


class ScopeExists(Exception):
    """The catalogue has a scope of this name already."""


class ScopeStore:
    """The catalogue in the database."""

    def list(self) -> Sequence[Scope]:
        """Every scope by name.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        with connection() as link:
            found = [Scope(row.name, row.description, tuple(row.needs)) for row in link.execute(_SELECT)]
        # Databases differ in what they call the order of texts.
        return sorted(found, key=lambda scope: scope.name)

    def create(self, scope: Scope) -> None:
        """Put a scope into the catalogue.

        Raises:
            ScopeExists: there is one of its name; nothing was changed.
            StoreUnavailable: nothing was stored.
        """
        with connection() as link:
            try:
                link.execute(insert(_SCOPE), _row(scope))
            except IntegrityError:
                raise ScopeExists(scope.name) from None
            link.commit()

    def update(self, scope: Scope) -> None:
        """Put a scope in the place of the one of its name.

        Raises:
            KeyError: there is none.
            StoreUnavailable: nothing was changed.
        """
        with connection() as link:
            changed = link.execute(update(_SCOPE).where(_SCOPE.c.name == scope.name).values(**_row(scope)))
            if rows_changed(changed) != 1:
                raise KeyError(scope.name)
            link.commit()

    def delete(self, name: str) -> None:
        """Take a scope out of the catalogue, and its rules with it.

        Raises:
            KeyError: there is none.
            StoreUnavailable: nothing was changed.
        """
        with connection() as link:
            if rows_changed(link.execute(delete(_SCOPE).where(_SCOPE.c.name == name))) != 1:
                raise KeyError(name)
            link.commit()


def _row(scope: Scope) -> dict[str, object]:
    return {"name": scope.name, "description": scope.description, "needs": list(scope.needs)}
